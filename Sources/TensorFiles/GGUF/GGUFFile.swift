package import Foundation
package import LinearAlgebra
package import OrderedCollections

/// A `.gguf` file of versions 2 and 3, little-endian: values about a model, and its named tensors, memory-mapped.
///
/// The head is checked in full when the file is opened: keys and names stand once, and tensors lie inside the file
/// at aligned places, share no byte and leave none out. Tensors of F32, F16, BF16, Q8_0, Q4_0 and Q4_1 can be
/// read as numbers; others are listed, and asking for their values is an error. As a matrix, a tensor has
/// `shape[0]` rows, as in ``SafetensorsFile``.
package struct GGUFFile: Sendable {
  /// The file.
  package let map: MemoryMap
  /// The version of the format.
  package let version: Int
  /// The values by key, in the order of the file.
  package let metadata: OrderedDictionary<String, GGUFValue>
  /// The tensors by name, in the order of the file.
  package let tensors: OrderedDictionary<String, GGUFTensor>

  /// Opens a file and checks its head.
  ///
  /// - Throws: ``TensorFileError``, with the key or the tensor's name in the field.
  /// - Complexity: O(h + t log t) for a head of h bytes and t tensors; no tensor is read.
  package init(opening url: URL) throws(TensorFileError) {
    let map = try MemoryMap(opening: url)
    let header = try GGUFHeader(of: map)
    self.map = map
    (version, metadata, tensors) = (header.version, header.metadata, header.tensors)
  }

  /// Whether a file begins as this format does.
  package static func isAt(_ url: URL) throws(TensorFileError) -> Bool {
    let map = try MemoryMap(opening: url)
    return try map.bytes(in: 0..<min(map.count, 4)) == GGUFHeader.magic
  }

  /// Some rows of a tensor as numbers, exactly what the stored ones mean.
  ///
  /// - Parameters:
  ///   - name: The tensor.
  ///   - range: Rows of the tensor as a matrix.
  /// - Throws: ``TensorFileError`` where there is no such tensor, or its type is not read here.
  /// - Complexity: O(rows · columns).
  package func matrix(
    _ name: String, rows range: Range<Int>
  ) throws(TensorFileError) -> Matrix<Float> {
    guard let tensor = tensors[name] else {
      throw .unknownTensor(path: map.path, name: name, available: Array(tensors.keys))
    }
    let (rows, columns) = TensorShape.matrix(of: tensor.shape)
    let offset = tensor.byteRange.lowerBound
    switch tensor.type.reading {
    case .numbers(let elementType):
      return try MappedMatrix(
        in: map, elementType: elementType, byteOffset: offset, rows: rows, columns: columns
      )[rows: range].matrix()
    case .blocks(let blocks) where tensor.shape.count > 1:
      return try QuantizedMatrix(
        in: map, blocks: blocks, byteOffset: offset, rows: rows, columns: columns
      ).matrix(rows: range)
    case .blocks(let blocks):
      // The blocks of a vector run through all of it.
      let all = try QuantizedMatrix(
        in: map, blocks: blocks, byteOffset: offset, rows: 1, columns: rows
      ).matrix(rows: 0..<1)
      return Matrix(rows: range.count, columns: 1, elements: Array(all.elements[range]))
    case nil:
      throw .unsupportedElementType(
        path: map.path, field: "\(name).type", found: tensor.type.name,
        supported: GGUFTensorType.supported)
    }
  }
}
