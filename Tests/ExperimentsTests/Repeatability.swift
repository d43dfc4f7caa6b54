import Experiments
import Foundation
import OrderedCollections
import TensorFiles
import TestSupport
import Testing

/// Runs a file twice and holds the values of all cells against each other.
///
/// Runs of one program each leave the same bytes. Here other tests run beside, and while one of them
/// factorises a matrix, OpenBLAS's threads are on for all: products then add up in another order, so numbers
/// may differ by rounding.
func expectRepeatable(
  _ file: ExperimentFile, in directory: TemporaryDirectory, within tolerance: Double
) throws {
  let cells = try ["first", "second"].map { name in
    let folder = directory.url.appending(path: name)
    _ = try ExperimentRun(file, in: folder).run()
    return try OrderedJSON(contentsOf: folder.appending(path: "results.json"))["cells"]
  }
  let first = try #require(cells[0])
  let second = try #require(cells[1])
  let difference = try #require(first.largestDifference(from: second))
  #expect(difference <= tolerance)
}

extension OrderedJSON {
  /// The largest difference of numbers at the same places; nil where the shapes differ.
  fileprivate func largestDifference(from other: OrderedJSON) -> Double? {
    if let object, let otherObject = other.object {
      guard object.keys == otherObject.keys else { return nil }
      return Self.largest(object.values.map { $0 }, otherObject.values.map { $0 })
    }
    if let array, let otherArray = other.array { return Self.largest(array, otherArray) }
    if let number, let otherNumber = other.number { return abs(number - otherNumber) }
    return self == other ? 0 : nil
  }

  private static func largest(_ first: [OrderedJSON], _ second: [OrderedJSON]) -> Double? {
    guard first.count == second.count else { return nil }
    var largest = 0.0
    for (a, b) in zip(first, second) {
      guard let difference = a.largestDifference(from: b) else { return nil }
      largest = max(largest, difference)
    }
    return largest
  }
}
