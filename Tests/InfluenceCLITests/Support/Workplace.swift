import Foundation
import InfluenceKit
import TestSupport
import Testing

/// A folder of its own for one test, with the program to run in it and files to run it on.
final class Workplace {
  private let directory: TemporaryDirectory
  var url: URL { directory.url }

  init() throws { directory = try TemporaryDirectory() }

  /// A folder in memory, for tests that would wait for the disk most of the time.
  init(inMemory: Void) throws { directory = try TemporaryDirectory(inMemory: ()) }

  func file(_ name: String) -> URL { directory.file(name) }

  func has(_ name: String) -> Bool { FileManager.default.fileExists(atPath: file(name).path) }

  /// What is in the folder, sorted.
  func names() throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: url.path).sorted()
  }

  /// Runs the program here.
  @discardableResult
  func run(
    _ arguments: [String], environment: [String: String] = [:]
  ) throws -> Program.Outcome {
    try Program.run(arguments, in: url, environment: environment)
  }

  /// Runs the program here and expects it to succeed.
  @discardableResult
  func succeed(
    _ arguments: [String], environment: [String: String] = [:],
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws -> Program.Outcome {
    let outcome = try run(arguments, environment: environment)
    try #require(
      outcome.status == 0, "\(arguments.joined(separator: " "))\n\(outcome)",
      sourceLocation: sourceLocation)
    return outcome
  }

  // MARK: - Files

  @discardableResult
  func write(_ text: String, to name: String) throws -> URL { try directory.write(text, to: name) }

  @discardableResult
  func write(_ bytes: [UInt8], to name: String) throws -> URL {
    try directory.write(bytes, to: name)
  }

  func makeFolder(_ name: String) throws {
    try FileManager.default.createDirectory(at: file(name), withIntermediateDirectories: true)
  }

  /// A tensor to be written: its name, its shape after the example, its rows.
  struct Tensor {
    let name: String
    let shape: [Int]
    let rows: Matrix<Float>
  }

  func writeTensors(_ tensors: [Tensor], to name: String) throws {
    var writer = try SafetensorsWriter(
      at: file(name),
      tensors: tensors.map {
        .init(name: $0.name, elementType: .float32, shape: [$0.rows.rows] + $0.shape)
      })
    for tensor in tensors { try writer.append(tensor.rows) }
    try writer.commit()
  }

  func writeArray(_ matrix: Matrix<Float>, to name: String) throws {
    try NumpyFile.write(matrix, to: file(name))
  }

  /// A `.npy` file with any header, followed by zeros.
  func writeArray(
    descriptor: String, shape: String, byteCount: Int, to name: String
  ) throws {
    var header = "{'descr': '\(descriptor)', 'fortran_order': False, 'shape': \(shape), }"
    header += String(repeating: " ", count: 117 - header.utf8.count) + "\n"
    let bytes =
      [0x93] + Array("NUMPY".utf8) + [1, 0, UInt8(header.utf8.count), 0] + Array(header.utf8)
    try write(bytes + [UInt8](repeating: 0, count: byteCount), to: name)
  }

  // MARK: - Results

  func matrix(_ name: String) throws -> Matrix<Double> {
    try NumpyFile(opening: file(name)).matrix(as: Double.self)
  }

  func json(_ name: String) throws -> OrderedJSON { try OrderedJSON(contentsOf: file(name)) }

  func bytes(_ name: String) throws -> Data { try Data(contentsOf: file(name)) }
}

extension Program.Outcome {
  /// Standard output as JSON.
  func json() throws -> OrderedJSON {
    try OrderedJSON(parsing: Array(output.utf8), path: "standard output")
  }
}

extension OrderedJSON {
  /// The integers of an array; nil for anything else.
  var integers: [Int]? { array?.compactMap(\.integer) }

  /// The strings of an array; nil for anything else.
  var strings: [String]? { array?.compactMap(\.string) }

  /// An element of an array.
  subscript(index: Int) -> OrderedJSON? {
    guard let array, array.indices.contains(index) else { return nil }
    return array[index]
  }
}
