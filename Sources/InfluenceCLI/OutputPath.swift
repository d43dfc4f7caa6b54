import Foundation
import InfluenceKit

/// Where results go, checked before any work is done.
struct OutputPath {
  /// The array.
  let array: URL
  /// What is known about it, beside it: the same name with `.json`.
  let record: URL

  /// - Parameter path: The array's path.
  /// - Throws: ``Failure/cannotCreate(_:)`` where the folder is missing or closed, or the path is one.
  init(_ path: String) throws {
    array = URL(filePath: path)
    record = array.deletingPathExtension().appendingPathExtension("json")
    let files = FileManager.default
    let folder = array.deletingLastPathComponent().path
    guard record != array else {
      throw Failure.usage(
        "--output \(path): the name ends in .json, which is for the record beside the scores; use .npy"
      )
    }
    guard files.fileExists(atPath: folder) else {
      throw Failure.cannotCreate("\(path): the folder \(folder) does not exist; make it first")
    }
    guard files.isWritableFile(atPath: folder) else {
      throw Failure.cannotCreate("\(path): the folder \(folder) cannot be written; choose another")
    }
    let type = try? files.attributesOfItem(atPath: array.path)[.type] as? FileAttributeType
    guard type != .typeDirectory else {
      throw Failure.cannotCreate("\(path): there is a folder of this name; choose another")
    }
  }

  /// Writes array and record, each whole or not at all.
  func write(_ values: Matrix<Double>, isVector: Bool, record json: OrderedJSON) throws {
    let single = Matrix<Float>(converting: values)
    if isVector {
      try NumpyFile.write(single.elements, to: array)
    } else {
      try NumpyFile.write(single, to: array)
    }
    try AtomicFile.write(try json.serialized(.indented) + "\n", to: record)
  }
}
