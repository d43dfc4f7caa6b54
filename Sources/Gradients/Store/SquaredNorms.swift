package import LinearAlgebra

/// ‖g‖² of the n examples' gradients in one block.
///
/// Numbers that a writer recorded stay in its file, which is mapped, and are read whenever they are asked for, so
/// that the norms of very many rows take no memory of their own. Going through them in order is fast; a single
/// number takes longer than one of an array.
public struct SquaredNorms: RandomAccessCollection, Sendable, Equatable {
  /// Some of the rows as they were recorded: a norm is the sum of the numbers in some columns.
  struct Part: Sendable {
    let rows: Range<Int>
    let recorded: MatrixView<Double>
    let columns: [Int]
  }

  private enum Storage: Sendable {
    case held([Double])
    case recorded([Part])
  }

  private let storage: Storage

  /// The number of examples n.
  public let count: Int

  /// Norms in memory.
  public init(_ norms: [Double]) {
    storage = .held(norms)
    count = norms.count
  }

  /// Norms in one column of a mapped file, `n × blocks`.
  package init(column: Int, of recorded: MatrixView<Double>) {
    self.init([Part(rows: 0..<recorded.rows, recorded: recorded, columns: [column])])
  }

  /// Norms in mapped files: the rows of one part after those of the other.
  init(_ parts: [Part]) {
    storage = .recorded(parts)
    count = parts.last?.rows.upperBound ?? 0
  }

  /// 0.
  public var startIndex: Int { 0 }
  /// n.
  public var endIndex: Int { count }

  /// ‖g‖² of one example.
  public subscript(row: Int) -> Double { self[rows: row..<row + 1][0] }

  /// ‖g‖² of some examples.
  public subscript(rows rows: Range<Int>) -> [Double] {
    precondition(rows.lowerBound >= 0 && rows.upperBound <= count, "rows \(rows) of \(count)")
    switch storage {
    case .held(let norms): return Array(norms[rows])
    case .recorded(let parts):
      var norms: [Double] = []
      norms.reserveCapacity(rows.count)
      for part in parts where part.rows.overlaps(rows) {
        let common = rows.clamped(to: part.rows)
        let local =
          common.lowerBound - part.rows.lowerBound..<common.upperBound - part.rows.lowerBound
        if let only = part.columns.first, part.columns.count == 1 {
          norms += Matrix(part.recorded[rows: local, columns: only..<only + 1]).elements
          continue
        }
        norms += local.map { row in part.columns.reduce(0) { $0 + part.recorded[row, $1] } }
      }
      return norms
    }
  }

  /// The norms in order, a few thousand at a time.
  public struct Iterator: IteratorProtocol {
    private static let step = 4096

    private let norms: SquaredNorms
    private var buffer: [Double] = []
    private var place = 0
    private var upcoming = 0

    fileprivate init(_ norms: SquaredNorms) { self.norms = norms }

    /// The next norm; nil behind the last.
    public mutating func next() -> Double? {
      if place == buffer.count {
        guard upcoming < norms.count else { return nil }
        let rows = upcoming..<Swift.min(norms.count, upcoming + Self.step)
        (buffer, place, upcoming) = (norms[rows: rows], 0, rows.upperBound)
      }
      defer { place += 1 }
      return buffer[place]
    }
  }

  /// Goes through the norms in order.
  public func makeIterator() -> Iterator { Iterator(self) }

  /// Whether all numbers are equal, wherever they are.
  public static func == (one: SquaredNorms, other: SquaredNorms) -> Bool {
    one.elementsEqual(other)
  }
}
