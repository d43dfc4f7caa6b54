import Algorithms
import Foundation
import Gradients
import LinearAlgebra
import TensorFiles

/// The files of a kept fit.
struct FitDirectory: Sendable {
  let url: URL
  /// The arrays that were opened.
  let files = FileWatch()

  /// Bytes of a matrix that are written at a time.
  private static let panelBytes = 8 << 20

  /// Writes a matrix as a `.npy`, whole or not at all.
  func write<Element: Scalar>(
    _ matrix: MatrixView<Element>, holding contents: String, block: Int
  ) throws -> FitManifest.File {
    let name = Self.name(contents, block)
    var writer = try NumpyWriter(
      at: url.appending(path: name), rows: matrix.rows, columns: matrix.columns,
      elementType: Element.self == Float.self ? .float32 : .float64)
    let rowBytes = max(1, matrix.columns * MemoryLayout<Element>.stride)
    let step = max(1, Self.panelBytes / rowBytes)
    for first in stride(from: 0, to: matrix.rows, by: step) {
      try writer.append(Matrix(matrix[rows: first..<min(matrix.rows, first + step)]))
    }
    try writer.commit()
    return try file(name, holding: contents)
  }

  /// Writes a vector in the same way.
  func write(
    _ vector: [Double], holding contents: String, block: Int
  ) throws -> FitManifest.File {
    let name = Self.name(contents, block)
    try NumpyFile.write(vector, to: url.appending(path: name))
    return try file(name, holding: contents)
  }

  /// Writes the norms, `n × blocks`.
  func write(norms: GradientNorms) throws -> FitManifest.File {
    let name = "squared_norms.npy"
    let (rows, columns) = (norms.blocks.first?.count ?? 0, norms.blocks.count)
    var writer = try NumpyWriter(
      at: url.appending(path: name), rows: rows, columns: columns, elementType: .float64)
    for range in (0..<rows).chunks(ofCount: max(1, Self.panelBytes / (8 * max(1, columns)))) {
      let part = GradientNorms(norms.blocks.map { SquaredNorms($0[rows: range]) })
      try writer.append(part.squared)
    }
    try writer.commit()
    return try file(name, holding: "squared-norms")
  }

  /// Puts the manifest in place of the last one.
  func commit(_ manifest: FitManifest) throws {
    try AtomicFile.write(
      try manifest.json.sealed().serialized(.indented) + "\n",
      to: url.appending(path: FitManifest.fileName))
  }

  /// Bytes of a file that is compared with its checksum whenever it is opened: half a millisecond.
  private static let smallByteCount = 1 << 20

  /// Whether a file is there with its size; its bytes are not read.
  func holds(_ file: FitManifest.File) -> Bool {
    let path = url.appending(path: file.name).path
    let size = try? FileManager.default.attributesOfItem(atPath: path)[.size] as? NSNumber
    return size?.intValue == file.byteCount
  }

  /// Maps a matrix.
  ///
  /// - Throws: ``FitError/damaged(path:reason:)`` where the file is not there, or not of this shape.
  func view<Element: Scalar>(
    _ file: FitManifest.File, rows: Int, columns: Int, as type: Element.Type
  ) throws -> MatrixView<Element> {
    let array = try opened(file, shape: [rows, columns])
    do {
      return try array.view(as: Element.self)
    } catch {
      throw FitError.damaged(path: array.map.path, reason: "it does not hold \(Element.self)s")
    }
  }

  /// Reads a vector.
  func vector(_ file: FitManifest.File, count: Int) throws -> [Double] {
    try opened(file, shape: [count]).matrix(as: Double.self).elements
  }

  /// The norms, which are mapped.
  func norms(of manifest: FitManifest) throws -> GradientNorms {
    guard let file = manifest.norms else {
      throw FitError.incomplete(path: url.path, blocks: 0, of: manifest.blocks.count)
    }
    // All of them are read anyway.
    let recorded = try opened(
      file, shape: [manifest.exampleCount, manifest.blocks.count], isCompared: true
    ).view(as: Double.self)
    return GradientNorms(
      manifest.blocks.indices.map { SquaredNorms(column: $0, of: recorded) })
  }

  private func opened(
    _ file: FitManifest.File, shape: [Int], isCompared: Bool = false
  ) throws -> NumpyFile {
    let array = try array(named: file.name)
    guard array.map.count == file.byteCount, array.shape == shape else {
      throw FitError.damaged(
        path: array.map.path,
        reason:
          "it holds an array of shape \(array.shape) in \(array.map.count) bytes, where \(shape) in \(file.byteCount) were written"
      )
    }
    if isCompared || array.map.count <= Self.smallByteCount { try compare(array.map, with: file) }
    return array
  }

  private func array(named name: String) throws -> NumpyFile {
    let target = url.appending(path: name)
    do {
      return try files.during { try NumpyFile(opening: target) }
    } catch TensorFileError.notFound {
      throw FitError.damaged(path: target.path, reason: "the file is missing")
    }
  }

  private func compare(_ map: MemoryMap, with file: FitManifest.File) throws {
    let found = try Checksum(of: map)
    guard found == file.checksum else {
      let damage = FitDamage(path: map.path, recorded: file.checksum, found: found)
      throw FitError.damaged(path: damage.path, reason: damage.reason)
    }
  }

  private func file(_ name: String, holding contents: String) throws -> FitManifest.File {
    let map = try MemoryMap(opening: url.appending(path: name))
    return FitManifest.File(
      name: name, holds: contents, byteCount: map.count, checksum: try Checksum(of: map))
  }

  private static func name(_ contents: String, _ block: Int) -> String {
    let digits = String(block)
    let padded = String(repeating: "0", count: max(0, 4 - digits.count)) + digits
    return "block-\(padded).\(contents).npy"
  }
}
