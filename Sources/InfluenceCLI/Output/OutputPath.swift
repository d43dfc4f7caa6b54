import Foundation
import InfluenceKit

/// Where results go, checked before any work is done.
struct OutputPath {
  /// The array or the table, and the record beside it.
  let file: RecordedFile

  /// - Parameters:
  ///   - path: The array's path.
  ///   - inputs: Paths that are read, which the results may not replace.
  ///   - ending: How the name must end.
  /// - Throws: ``Failure`` where the folder is missing or closed, or the results would replace
  ///   something that is not an earlier result.
  init(_ path: String, inputs: [String], ending: String = "npy") throws {
    guard !path.isEmpty else {
      throw Failure.usage("--output is empty; name a .\(ending) file")
    }
    let array = URL(filePath: path)
    guard array.pathExtension.lowercased() != "json" else {
      throw Failure.usage(
        "--output \(path): the name ends in .json, which is for the record beside the results; use .\(ending)"
      )
    }
    guard array.pathExtension.lowercased() == ending else {
      throw Failure.usage(
        "--output \(path): the name does not end in .\(ending), which is what is written; add it")
    }
    file = RecordedFile(at: array) { renames in
      // Giving the files their names, and the account of it, are one step.
      Interruption.postpone()
      defer { Interruption.allow() }
      try renames()
      Interruption.leaves("\(Console.shortened(array.path)) is complete")
    }
    let record = file.recordURL
    try Self.requirePlace(for: array, path: path, inputs: inputs, option: "--output")
    try Self.refuseNonFile(record)
    let files = FileManager.default
    if files.fileExists(atPath: record.path), !Self.isRecord(record) {
      throw Failure.cannotCreate(
        "\(path): the record would replace \(record.path), which is not a record of scores; choose another name"
      )
    }
  }

  /// Refuses a place where no file can be made, or where one would replace an input or something that is no file.
  ///
  /// - Parameters:
  ///   - url: The file.
  ///   - path: As it was given.
  ///   - inputs: Paths that are read.
  ///   - option: What it was given by.
  /// - Throws: ``Failure``.
  static func requirePlace(
    for url: URL, path: String, inputs: [String], option: String
  ) throws {
    let files = FileManager.default
    let folder = url.deletingLastPathComponent().path
    guard files.fileExists(atPath: folder) else {
      throw Failure.cannotCreate("\(path): the folder \(folder) does not exist; make it first")
    }
    guard files.isFolder(atPath: folder) else {
      throw Failure.cannotCreate("\(path): \(folder) is a file, not a folder; choose another")
    }
    guard files.isWritableFile(atPath: folder) else {
      throw Failure.cannotCreate("\(path): the folder \(folder) cannot be written; choose another")
    }
    try refuseNonFile(url)
    try RealPath.refuse(path, inside: inputs, option: option)
  }

  /// Refuses what is there but is not a file: a folder, and a device or pipe, whose place a new file
  /// would take.
  private static func refuseNonFile(_ url: URL) throws {
    let attributes = try? FileManager.default.attributesOfItem(atPath: url.path)
    switch attributes?[.type] as? FileAttributeType {
    case nil, .typeRegular, .typeSymbolicLink: return
    case .typeDirectory:
      throw Failure.cannotCreate("\(url.path): there is a folder of this name; choose another")
    default:
      throw Failure.cannotCreate(
        "\(url.path): there is a device or pipe of this name; results go into a file, choose another"
      )
    }
  }

  /// Whether a file is the record of an earlier result.
  private static func isRecord(_ url: URL) -> Bool {
    (try? OrderedJSON(contentsOf: url)).map(ResultRecord.isOurs) ?? false
  }

  /// Writes a vector as float32, and its record; each whole or not at all.
  func write(vector: [Double], record json: OrderedJSON) throws {
    try file.write(vector: vector, record: json)
  }

  /// Writes a table and its record, in the same way.
  func write(_ table: String, record json: OrderedJSON) throws {
    try file.write(table, record: json)
  }
}
