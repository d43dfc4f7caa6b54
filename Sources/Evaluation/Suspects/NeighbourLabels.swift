public import Gradients
public import Influence
import LinearAlgebra

/// The labels of each example's nearest neighbours, by the cosine of what the model's last layer reads.
public struct NeighbourLabels: Sendable {
  /// How many neighbours are asked, k.
  public let count: Int
  /// The share of an example's neighbours that have another label than it, n numbers from 0 to 1.
  public let disagreement: [Double]
  /// The most frequent label among an example's neighbours, n classes; of equally frequent ones the example's own, or
  /// else the lowest.
  public let suggested: [Int]

  /// Finds the neighbours of all examples among the others.
  ///
  /// - Parameters:
  ///   - examples: n ≥ 2 examples; of two equally near ones the lower row is nearer.
  ///   - labels: n classes, from 0.
  ///   - count: k; n − 1 where that is less.
  ///   - progress: Called as examples are done.
  /// - Throws: `InfluenceError.missingInput` where an example has no direction;
  ///   ``EvaluationError/tooFewValues(count:needed:)``.
  /// - Complexity: 2n²d operations; 64 MB beside the features.
  public init(
    among examples: Representations, labels: [Int], count: Int, progress: ProgressHandler? = nil
  ) throws {
    guard examples.count >= 2 else {
      throw EvaluationError.tooFewValues(count: examples.count, needed: 2)
    }
    try self.init(examples, labels, examples, labels, count, isAmongThemselves: true, progress)
  }

  /// Finds the nearest of some checked examples to each example.
  ///
  /// - Parameters:
  ///   - examples: n examples.
  ///   - labels: n classes, from 0.
  ///   - checked: m ≥ 1 examples whose labels are right.
  ///   - checkedLabels: m classes.
  ///   - count: k; m where that is less.
  ///   - progress: Called as examples are done.
  /// - Throws: `InfluenceError.missingInput` where an example has no direction, or the features of the two sides are
  ///   not as many.
  /// - Complexity: 2nmd operations; 64 MB beside the features.
  public init(
    of examples: Representations, labels: [Int], among checked: Representations,
    checkedLabels: [Int], count: Int, progress: ProgressHandler? = nil
  ) throws {
    guard checked.features.columns == examples.features.columns else {
      throw InfluenceError.missingInput(
        method: SuspectRanking.queryNeighbours.rawValue, source: checked.source,
        reason:
          "its \(checked.features.columns) features are not the \(examples.features.columns) of \(examples.source); compute both from the same model"
      )
    }
    try self.init(
      examples, labels, checked, checkedLabels, count, isAmongThemselves: false, progress)
  }

  private init(
    _ examples: Representations, _ labels: [Int], _ others: Representations, _ otherLabels: [Int],
    _ count: Int, isAmongThemselves: Bool, _ progress: ProgressHandler?
  ) throws {
    let total = examples.count
    precondition(labels.count == total, "\(labels.count) labels of \(total) examples")
    precondition(otherLabels.count == others.count, "\(otherLabels.count) labels of others")
    precondition(count > 0, "\(count) neighbours")
    let kept = min(count, isAmongThemselves ? total - 1 : others.count)
    let directions = try RepresentationSimilarity.directions(of: examples)
    let otherDirections =
      isAmongThemselves ? directions : try RepresentationSimilarity.directions(of: others)
    let classCount = max(labels.max() ?? 0, otherLabels.max() ?? 0) + 1
    let rowsAtATime = max(1, min(1024, (1 << 23) / max(1, others.count)))
    var found: [(share: Double, label: Int)] = []
    found.reserveCapacity(total)
    for first in stride(from: 0, to: total, by: rowsAtATime) {
      let rows = first..<min(total, first + rowsAtATime)
      let products = Matrix(product: directions.view[rows: rows], otherDirections.transposed)
      found += try Parallelism.map(rows.count) { index in
        let row = first + index
        let near = Self.largest(
          kept, of: products[row: index], leavingOut: isAmongThemselves ? row : nil)
        var votes = [Int](repeating: 0, count: classCount)
        for other in near { votes[otherLabels[other]] += 1 }
        let most = votes.max() ?? 0
        let label =
          votes[labels[row]] == most ? labels[row] : votes.firstIndex(of: most) ?? labels[row]
        let others = kept - votes[labels[row]]
        return (Double(others) / Double(kept), label)
      }
      progress?("neighbours", Double(rows.upperBound) / Double(total))
    }
    self.count = kept
    disagreement = found.map(\.share)
    suggested = found.map(\.label)
  }

  /// The places of the k largest numbers, the largest first; of equal ones the first.
  private static func largest(
    _ count: Int, of values: ArraySlice<Double>, leavingOut own: Int?
  ) -> [Int] {
    var kept: [(value: Double, place: Int)] = []
    kept.reserveCapacity(count + 1)
    for (place, value) in values.enumerated() where place != own {
      if kept.count == count, value <= kept[count - 1].value { continue }
      let position = kept.firstIndex { $0.value < value } ?? kept.count
      kept.insert((value, place), at: position)
      if kept.count > count { kept.removeLast() }
    }
    return kept.map(\.place)
  }
}
