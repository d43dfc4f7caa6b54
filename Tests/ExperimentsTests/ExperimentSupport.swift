import Experiments
import Foundation
import OrderedCollections
import Reporting
import TensorFiles
import TestSupport
import Testing

/// A run of an experiment at a tiny size, and what it left.
struct TinyRun {
  let outcome: ExperimentRun.Outcome
  let results: OrderedJSON
  let folder: URL

  init(_ file: ExperimentFile, in folder: URL) throws {
    outcome = try ExperimentRun(file, in: folder).run()
    results = try OrderedJSON(contentsOf: folder.appending(path: "results.json"))
    self.folder = folder
  }

  init(
    _ text: String, in folder: URL, overrides: [String] = [], isQuick: Bool = false
  ) throws {
    try self.init(
      ExperimentFile(text: text, path: "e.yaml", overrides: overrides, isQuick: isQuick),
      in: folder)
  }

  /// The values of a cell.
  func cell(_ name: String) throws -> OrderedJSON { try #require(results["cells"]?[name]) }

  /// A value of a cell.
  func value(_ cell: String, _ path: String...) -> OrderedJSON? {
    path.reduce(results["cells"]?[cell]) { $0?[$1] }
  }

  func numbers(_ cell: String, _ path: String...) -> [Double] {
    (path.reduce(results["cells"]?[cell]) { $0?[$1] }?.array ?? []).compactMap(\.number)
  }

  func table(_ name: String) throws -> Table {
    try #require(outcome.report.tables.first { $0.name == name }).content
  }
}

/// Holds that a file, or what the command line adds to it, is refused by an error that says all of some parts.
func expectRefusal(
  _ text: String, overrides: [String] = [], saying parts: String...,
  at location: SourceLocation = #_sourceLocation
) throws {
  let directory = try TemporaryDirectory()
  #expect(sourceLocation: location) {
    let file = try ExperimentFile(text: text, path: "e.yaml", overrides: overrides)
    _ = try ExperimentRun(file, in: directory.url.appending(path: "refused"))
  } throws: { error in
    parts.allSatisfy { "\(error)".contains($0) }
  }
}

/// Holds that a file is refused for the value of a key, at its place.
func expectRefusal(
  _ file: ExperimentFile, of key: String, at location: SourceLocation = #_sourceLocation
) throws {
  let directory = try TemporaryDirectory()
  let error = try #require(throws: ExperimentError.self, sourceLocation: location) {
    try ExperimentRun(file, in: directory.url.appending(path: "refused"))
  }
  guard case .invalidValue(.file("e.yaml", _, _), key, _) = error else {
    Issue.record("\(error)", sourceLocation: location)
    return
  }
}

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

extension OrderedJSON {
  /// The number at a path of keys; nil where there is none.
  func number(at keys: String...) -> Double? { at(keys)?.number }

  /// The numbers of the list at a path of keys; empty where there is none.
  func numbers(at keys: String...) -> [Double] {
    (at(keys)?.array ?? []).compactMap(\.number)
  }

  private func at(_ keys: [String]) -> OrderedJSON? {
    keys.reduce(Optional(self)) { $0?[$1] }
  }
}
