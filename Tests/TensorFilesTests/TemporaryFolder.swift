import Foundation

/// A folder of a test's own, removed with everything in it when the test ends.
final class TemporaryFolder {
  let url: URL

  init() throws {
    url = FileManager.default.temporaryDirectory
      .appendingPathComponent("tensor-files-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
  }

  deinit {
    try? FileManager.default.removeItem(at: url)
  }

  subscript(name: String) -> URL { url.appendingPathComponent(name) }

  /// A file with the given bytes.
  func file(_ bytes: [UInt8], named name: String = "file") throws -> URL {
    try Data(bytes).write(to: self[name])
    return self[name]
  }

  var names: [String] {
    get throws { try FileManager.default.contentsOfDirectory(atPath: url.path).sorted() }
  }
}

/// The bytes of a `.npy` file with any header text.
func numpyFile(_ header: String, data: [UInt8] = [], version: [UInt8] = [1, 0]) -> [UInt8] {
  let text = Array(header.utf8)
  let length = (0..<(version[0] == 1 ? 2 : 4)).map { UInt8(text.count >> (8 * $0) & 0xff) }
  return [0x93] + Array("NUMPY".utf8) + version + length + text + data
}

/// The bytes of a `.safetensors` file with any header text.
func safetensorsFile(_ header: String, data: [UInt8] = []) -> [UInt8] {
  safetensorsFile(bytes: Array(header.utf8), data: data)
}

/// The bytes of a `.safetensors` file with any header.
func safetensorsFile(bytes header: [UInt8], data: [UInt8] = []) -> [UInt8] {
  (0..<8).map { UInt8(header.count >> (8 * $0) & 0xff) } + header + data
}

/// The little-endian bytes of integers.
func bytes<Integer: FixedWidthInteger>(_ integers: [Integer]) -> [UInt8] {
  integers.flatMap { integer in
    (0..<Integer.bitWidth / 8).map { UInt8(truncatingIfNeeded: integer >> (8 * $0)) }
  }
}

/// The name of the error's case, without its values.
func caseName(_ error: some Error) -> String {
  Mirror(reflecting: error).children.first?.label ?? "\(error)"
}
