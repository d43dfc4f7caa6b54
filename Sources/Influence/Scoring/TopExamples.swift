public import LinearAlgebra

/// The k most helpful and the k most harmful training examples of one query.
///
/// Both lists begin with the most extreme score, and of equal scores the lower row comes first. Where k
/// exceeds n/2 the lists share examples, since every example has its place in each; where k exceeds n both
/// hold all n.
public struct TopExamples: Sendable, Equatable {
  /// A training example with its score.
  public struct Entry: Sendable, Equatable {
    /// The example's row in the training store.
    public let example: Int
    /// The score, helpful-positive.
    public let score: Double
  }

  /// The highest scores, highest first.
  public let helpful: [Entry]
  /// The lowest scores, lowest first.
  public let harmful: [Entry]

  /// Selects from the scores of one query.
  ///
  /// - Parameters:
  ///   - scores: n scores, helpful-positive.
  ///   - count: k ≥ 1.
  /// - Throws: ``InfluenceError/notFiniteScore(row:column:)``.
  /// - Complexity: O(n log k), with O(k) memory; most scores take one comparison.
  public init(of scores: [Double], count: Int) throws(InfluenceError) {
    try self.init(scores, 0..<scores.count, row: 0, count: count)
  }

  /// Selects from each row of a matrix of scores, several rows at a time.
  ///
  /// - Parameters:
  ///   - scores: S, `m × n`, helpful-positive.
  ///   - count: k ≥ 1.
  /// - Returns: One selection per query.
  /// - Throws: ``InfluenceError/notFiniteScore(row:column:)`` of the first query with one.
  /// - Complexity: O(mn log k).
  public static func all<Element: Scalar>(
    of scores: Matrix<Element>, count: Int
  ) throws -> [TopExamples] {
    let columns = scores.columns
    return try Parallelism.map(scores.rows) { row in
      try TopExamples(
        scores.elements, row * columns..<(row + 1) * columns, row: row, count: count)
    }
  }

  @specialized(where Element == Double)
  @specialized(where Element == Float)
  private init<Element: Scalar>(
    _ elements: [Element], _ range: Range<Int>, row: Int, count: Int
  ) throws(InfluenceError) {
    var selecting = Selecting<Element>(count: count, of: range.count)
    try selecting.add(elements, range, row: row)
    self = selecting.top
  }

  /// Selects from the scores of one query that come some at a time, from the first example to the last.
  struct Selecting<Element: Scalar> {
    private var highest: Selection<Element>
    private var lowest: Selection<Element>
    private var next = 0

    /// - Parameters:
    ///   - count: k ≥ 1.
    ///   - exampleCount: n.
    init(count: Int, of exampleCount: Int) {
      precondition(count > 0, "the top \(count) of \(exampleCount) scores")
      let kept = min(count, max(1, exampleCount))
      highest = Selection(count: kept)
      lowest = Selection(count: kept)
    }

    /// Adds the scores of the next examples, as they stand in a range of an array.
    ///
    /// - Throws: ``InfluenceError/notFiniteScore(row:column:)``, with the query's row.
    @specialized(where Element == Double)
    @specialized(where Element == Float)
    mutating func add(
      _ elements: [Element], _ range: Range<Int>, row: Int
    ) throws(InfluenceError) {
      for index in range {
        let value = elements[index]
        let example = next + index - range.lowerBound
        guard value.isFinite else { throw .notFiniteScore(row: row, column: example) }
        highest.offer(value, example)
        lowest.offer(-value, example)
      }
      next += range.count
    }

    /// The selection from all that was added.
    var top: TopExamples {
      TopExamples(
        helpful: highest.sorted().map { Entry(example: $0.index, score: Double($0.value)) },
        harmful: lowest.sorted().map { Entry(example: $0.index, score: -Double($0.value)) })
    }
  }

  /// Takes lists that are in order.
  init(helpful: [Entry], harmful: [Entry]) {
    self.helpful = helpful
    self.harmful = harmful
  }
}

/// The highest of the values offered so far; of equal ones, those that were offered first.
///
/// Candidates gather up to twice the number wanted, and are then cut back by a sort: each sort is paid
/// for by as many values that passed the bar.
private struct Selection<Element: Scalar> {
  typealias Candidate = (value: Element, index: Int)

  private let count: Int
  private var candidates: [Candidate] = []
  /// What a later value must exceed.
  private var bar: Element?

  init(count: Int) { self.count = count }

  /// Takes a value, whose index is above all earlier ones.
  mutating func offer(_ value: Element, _ index: Int) {
    if let bar, value <= bar { return }
    candidates.append((value, index))
    guard candidates.count >= 2 * count else { return }
    candidates = sorted()
    bar = candidates.last?.value
  }

  /// The best, best first.
  func sorted() -> [Candidate] {
    Array(
      candidates.sorted { $0.value > $1.value || ($0.value == $1.value && $0.index < $1.index) }
        .prefix(count))
  }
}
