import Foundation
import InfluenceKit

/// Where results go, checked before any work is done.
struct OutputPath {
  /// The array, or the table.
  let array: URL
  /// What is known about it, beside it: the same name with `.json`.
  let record: URL

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
    array = URL(filePath: path)
    record = array.deletingPathExtension().appendingPathExtension("json")
    guard array.pathExtension.lowercased() != "json" else {
      throw Failure.usage(
        "--output \(path): the name ends in .json, which is for the record beside the results; use .\(ending)"
      )
    }
    guard array.pathExtension.lowercased() == ending else {
      throw Failure.usage(
        "--output \(path): the name does not end in .\(ending), which is what is written; add it")
    }
    let files = FileManager.default
    let folder = array.deletingLastPathComponent().path
    guard files.fileExists(atPath: folder) else {
      throw Failure.cannotCreate("\(path): the folder \(folder) does not exist; make it first")
    }
    guard files.isFolder(atPath: folder) else {
      throw Failure.cannotCreate("\(path): \(folder) is a file, not a folder; choose another")
    }
    guard files.isWritableFile(atPath: folder) else {
      throw Failure.cannotCreate("\(path): the folder \(folder) cannot be written; choose another")
    }
    try Self.refuseNonFile(array)
    try Self.refuseNonFile(record)
    let real = array.resolvingSymlinksInPath().path
    for input in inputs {
      let source = URL(filePath: input).resolvingSymlinksInPath().path
      if real == source || real.hasPrefix(source + "/") {
        throw Failure.usage(
          "--output \(path): it is the input \(input), or lies in it; choose another place")
      }
    }
    if files.fileExists(atPath: record.path), !Self.isRecord(record) {
      throw Failure.cannotCreate(
        "\(path): the record would replace \(record.path), which is not a record of scores; choose another name"
      )
    }
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
    let json = try? OrderedJSON(contentsOf: url)
    return json?["format"]?.string?.hasPrefix("influencekit-") ?? false
  }

  /// Writes a vector and its record, each whole or not at all.
  func write(vector: [Double], record json: OrderedJSON) throws {
    let single = try single(Matrix(rows: 1, columns: vector.count, elements: vector))
    try commit(NumpyFile.prepare(single.elements, at: array), record: json)
  }

  /// Writes a table and its record, in the same way.
  func write(_ table: String, record json: OrderedJSON) throws {
    var file = try AtomicFile(at: array)
    try file.write(Array(table.utf8))
    try commit(file, record: json)
  }

  /// Starts an array that is written row by row, under a temporary name.
  func writer(rows: Int, columns: Int) throws -> NumpyWriter {
    try NumpyWriter(at: array, rows: rows, columns: columns)
  }

  /// Starts an array of more than two dimensions, under a temporary name.
  func writer(shape: [Int]) throws -> NumpyWriter { try NumpyWriter(at: array, shape: shape) }

  /// Gives an array its name, and writes its record.
  func commit(_ writer: consuming NumpyWriter, record json: OrderedJSON) throws {
    try commit(writer.finish(), record: json)
  }

  /// Gives a file its name, and its record the record's.
  ///
  /// Both are whole on the disk before either has its name or an earlier result is touched, so that a
  /// full disk leaves that as it was.
  func commit(_ file: consuming AtomicFile, record json: OrderedJSON) throws {
    var recordFile = try AtomicFile(at: record)
    try recordFile.write(Array(try text(of: json).utf8))
    try recordFile.synchronize()
    try file.synchronize()
    Interruption.postpone()
    defer { Interruption.allow() }
    try removeRecord()
    try file.commit()
    try recordFile.commit()
    Interruption.leaves("\(Console.shortened(array.path)) is complete")
  }

  /// Gives a table that was written line by line its name, and writes its record.
  func commit(_ writer: consuming TopTableWriter, record json: OrderedJSON) throws {
    try commit(writer.finish(), record: json)
  }

  /// Scores as float32.
  ///
  /// - Throws: ``Failure/data(_:)`` where one is too large.
  func single(_ values: Matrix<Double>) throws -> Matrix<Float> {
    let single = Matrix<Float>(converting: values)
    for (value, stored) in zip(values.elements, single.elements)
    where value.isFinite && !stored.isFinite {
      throw Failure.data(
        "\(array.path): \(value) is more than float32 can hold; raise the damping or scale the gradients"
      )
    }
    return single
  }

  private func text(of json: OrderedJSON) throws -> String {
    try json.serialized(.indented) + "\n"
  }

  /// An earlier record goes first: at no moment does it stand beside scores that it does not describe.
  private func removeRecord() throws {
    guard FileManager.default.fileExists(atPath: record.path) else { return }
    try FileManager.default.removeItem(at: record)
  }
}
