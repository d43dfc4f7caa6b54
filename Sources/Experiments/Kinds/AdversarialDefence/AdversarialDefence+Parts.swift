internal import Foundation
internal import InfluenceKit

extension AdversarialDefence {
  /// The test examples, before the attack and after it.
  struct Field: Sendable {
    let clean: TabularDataSet<Double>
    let attacked: TabularDataSet<Double>
    /// Which were attacked.
    let rows: [Int]

    /// The accuracies of a classifier: on all test examples after the attack, on those that were attacked, and
    /// before the attack.
    func accuracies(of head: BinaryHead) throws -> Accuracies {
      Accuracies(
        attacked: try head.accuracy(on: attacked),
        attackedRows: try head.accuracy(on: attacked.selecting(rows)),
        clean: try head.accuracy(on: clean))
    }

    /// The same of saying one class always.
    func accuracies(ofAlways label: Int) -> Accuracies {
      func share(_ labels: [Int]) -> Double {
        Double(labels.count { $0 == label }) / Double(labels.count)
      }
      return Accuracies(
        attacked: share(attacked.labels), attackedRows: share(rows.map { attacked.labels[$0] }),
        clean: share(clean.labels))
    }
  }

  /// The rows of two data sets, one after the other.
  static func joined(
    _ first: TabularDataSet<Double>, _ second: TabularDataSet<Double>
  ) throws -> TabularDataSet<Double> {
    try TabularDataSet(
      features: Matrix(
        rows: first.count + second.count, columns: first.features.columns,
        elements: first.features.elements + second.features.elements),
      labels: first.labels + second.labels, classCount: first.classCount)
  }

  /// Less the mean, divided by the deviation; zeros where all are equal.
  static func standardized(_ values: [Double]) -> [Double] {
    let count = Double(values.count)
    let mean = values.reduce(0, +) / count
    let deviation = (values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / count).squareRoot()
    return values.map { deviation > 0 ? ($0 - mean) / deviation : 0 }
  }

  static func sigmoid(_ x: Double) -> Double {
    x >= 0 ? 1 / (1 + power(-x)) : power(x) / (1 + power(x))
  }

  static func power(_ x: Double) -> Double { Foundation.exp(x) }
}
