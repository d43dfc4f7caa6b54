public import Foundation
public import LinearAlgebra
public import OrderedCollections

/// A `.safetensors` file: named tensors, memory-mapped.
///
/// The header is checked in full when the file is opened: every byte of data belongs to one tensor,
/// whose shape and type account for it. `F16`, `BF16`, `F32` and `F64` tensors can be read; tensors
/// of other types are listed, and asking for their values is an error. As a matrix, a tensor has
/// `shape[0]` rows: a vector is `n × 1`, a scalar `1 × 1`, more dimensions are flattened to
/// `shape[0] × rest`.
public struct SafetensorsFile: Sendable {
  /// The file.
  public let map: MemoryMap
  /// The tensors by name, in the order of their bytes.
  public let tensors: OrderedDictionary<String, TensorEntry>
  /// The header's `__metadata__`, in its order.
  public let metadata: OrderedDictionary<String, String>

  /// Opens a file and checks its header.
  ///
  /// - Throws: ``TensorFileError``, with the tensor's name in the field.
  /// - Complexity: O(t log t) for t tensors; no tensor is read.
  public init(opening url: URL) throws(TensorFileError) {
    let map = try MemoryMap(opening: url)
    let header = try SafetensorsHeader(of: map)
    self.map = map
    tensors = header.tensors
    metadata = header.metadata
  }

  /// The named tensor in the file, as a matrix to be read whole or in parts.
  ///
  /// - Throws: ``TensorFileError`` where there is no such tensor, or its type is not read here.
  public func mapped(_ name: String) throws(TensorFileError) -> MappedMatrix {
    guard let entry = tensors[name] else {
      throw .unknownTensor(path: map.path, name: name, available: Array(tensors.keys))
    }
    guard let elementType = entry.elementType else {
      throw .unsupportedElementType(
        path: map.path, field: "\(name).dtype", found: entry.elementTypeName,
        supported: ElementType.allCases.compactMap(\.safetensorsName).joined(separator: ", "))
    }
    return try MappedMatrix(
      in: map, elementType: elementType, byteOffset: entry.byteRange.lowerBound,
      rows: entry.rows, columns: entry.columns)
  }

  /// The named tensor as a dense matrix; see ``mapped(_:)``.
  public func matrix<Element: Scalar>(
    _ name: String, as type: Element.Type = Element.self
  ) throws(TensorFileError) -> Matrix<Element> {
    try mapped(name).matrix(as: type)
  }

  /// The named tensor in place, without a copy; see ``MappedMatrix/view(as:)``.
  public func view<Element: Scalar>(
    _ name: String, as type: Element.Type = Element.self
  ) throws(TensorFileError) -> MatrixView<Element> {
    try mapped(name).view(as: type)
  }
}
