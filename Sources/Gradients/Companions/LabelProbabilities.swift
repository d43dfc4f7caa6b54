public import Foundation
import LinearAlgebra
import TensorFiles

/// The probability that a model gives to each example's own class: numbers in memory, or
/// `probabilities.npy` in the folder of a training store.
public struct LabelProbabilities: Companion {
  /// The file's name in a store's folder.
  public static let fileName = "probabilities.npy"

  /// The file's path, or `memory`.
  public let source: String
  /// One number from 0 to 1 per example; see ``problem(of:)``.
  public let values: [Double]

  /// Takes probabilities from memory.
  ///
  /// - Parameter values: One number from 0 to 1 per example.
  public init(values: [Double]) {
    source = "memory"
    self.values = values
  }

  /// Reads a `.npy` file of any shape; its numbers are taken in their order.
  ///
  /// - Throws: `TensorFileError`.
  public init(opening url: URL) throws {
    source = url.path
    // Where it was written here, with its checksum beside it.
    _ = try ResultRecord(of: url)
    let file = try NumpyFile(opening: url)
    values = try file.matrix().elements
    try file.map.requireUnchanged()
  }

  /// Reads a `.npy` file; nil where there is none.
  ///
  /// - Throws: `TensorFileError`.
  public init?(ifAt url: URL) throws {
    guard FileManager.default.fileExists(atPath: url.path) else { return nil }
    try self.init(opening: url)
  }

  /// Why these cannot be the probabilities of so many examples; nil where they can.
  public func problem(of count: Int) -> String? {
    guard values.count == count else {
      return "it holds \(values.count) numbers where there are \(count) training examples"
    }
    return values.firstIndex { !($0 >= 0 && $0 <= 1) }.map {
      "number \($0) is \(values[$0]), which is no probability"
    }
  }

  /// Writes the file into the folder of a training store, whole or not at all.
  ///
  /// A record with its checksum stands beside it.
  public func write(to folder: URL) throws {
    let url = folder.appending(path: Self.fileName)
    var writer = try NumpyWriter(at: url, shape: [values.count, 1], elementType: .float64)
    try writer.append(Matrix(rows: values.count, columns: 1, elements: values))
    try RecordedFile(at: url).commit(
      writer.finish(),
      record: [
        "format": "influencekit-probabilities", "version": 1, "rows": .integer(values.count),
      ])
  }
}
