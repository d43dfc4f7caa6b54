import Foundation
import InfluenceKit
import OrderedCollections

/// A file of text, whose errors are like those of other inputs.
enum TextFile {
  static func bytes(at path: String) throws -> [UInt8] {
    let map = try MemoryMap(opening: URL(filePath: path))
    return try Array(map.bytes(in: 0..<map.count))
  }
}

/// A matrix from a user's file: `.npy`, or a tensor of a `.safetensors` file.
enum MatrixInput {
  /// Reads a matrix of finite numbers.
  ///
  /// - Parameter path: A file; `file.safetensors:name` for one tensor of several.
  static func matrix(at path: String) throws -> Matrix<Double> {
    let matrix = try stored(path)
    guard matrix.rows > 0, matrix.columns > 0 else {
      throw Failure.data("\(path): it is empty (\(matrix.rows) × \(matrix.columns))")
    }
    if let index = matrix.elements.firstIndex(where: { !$0.isFinite }) {
      throw Failure.data(
        "\(path): row \(index / matrix.columns), column \(index % matrix.columns) is \(matrix.elements[index]); remove or recompute that row"
      )
    }
    return matrix
  }

  /// Reads a list of finite numbers, which is stored as one row or as one column.
  static func vector(at path: String) throws -> [Double] {
    let matrix = try matrix(at: path)
    guard matrix.rows == 1 || matrix.columns == 1 else {
      throw Failure.data(
        "\(path): it is \(matrix.rows) × \(matrix.columns) where a list of numbers is expected")
    }
    return matrix.elements
  }

  private static func stored(_ path: String) throws -> Matrix<Double> {
    let (file, name) = parts(path)
    guard file.lowercased().hasSuffix(".safetensors") else {
      let array = try NumpyFile(opening: URL(filePath: file))
      return try array.matrix(as: Double.self)
    }
    let tensors = try SafetensorsFile(opening: URL(filePath: file))
    if let name { return try tensors.matrix(name, as: Double.self) }
    guard let only = tensors.tensors.keys.first, tensors.tensors.count == 1 else {
      throw Failure.usage(
        "\(path): it holds \(tensors.tensors.count) tensors (\(tensors.tensors.keys.prefix(8).joined(separator: ", "))); name one as \(file):NAME"
      )
    }
    return try tensors.matrix(only, as: Double.self)
  }

  /// The file, and the tensor's name after a colon.
  static func parts(_ path: String) -> (file: String, name: String?) {
    guard let end = path.range(of: ".safetensors:") else { return (path, nil) }
    let file = String(path[..<path.index(before: end.upperBound)])
    return (file, String(path[end.upperBound...]))
  }
}
