public import Foundation
public import LinearAlgebra
public import OrderedCollections

/// A `.safetensors` file: named tensors, memory-mapped.
///
/// The header is checked in full when the file is opened: every byte of data belongs to one tensor,
/// whose shape and type account for it. `F16`, `BF16`, `F32` and `F64` tensors can be read as numbers, and
/// integers by ``integers(_:)``; tensors of other types are listed, and asking for their values is an error. As a matrix, a tensor has
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

  /// The values of a tensor of integers of any size, or of truth values as 0 and 1, in the order of the file.
  ///
  /// - Returns: Nil for a tensor of another type.
  /// - Throws: ``TensorFileError`` where there is no such tensor, or a number is past 2⁶³ − 1.
  public func integers(_ name: String) throws(TensorFileError) -> [Int]? {
    guard let entry = tensors[name] else {
      throw .unknownTensor(path: map.path, name: name, available: Array(tensors.keys))
    }
    func read<Number: FixedWidthInteger & BitwiseCopyable>(
      _ type: Number.Type
    ) throws(TensorFileError) -> [Int] {
      let count = entry.byteRange.count / MemoryLayout<Number>.size
      var values: [Int] = []
      for number in try map.elements(
        of: type, byteOffset: entry.byteRange.lowerBound, count: count)
      {
        guard let value = Int(exactly: number) else {
          throw .invalidField(
            path: map.path, field: name, expected: "integers up to 2^63 - 1", found: "\(number)")
        }
        values.append(value)
      }
      return values
    }
    switch entry.elementTypeName {
    case "BOOL", "U8": return try read(UInt8.self)
    case "I8": return try read(Int8.self)
    case "U16": return try read(UInt16.self)
    case "I16": return try read(Int16.self)
    case "U32": return try read(UInt32.self)
    case "I32": return try read(Int32.self)
    case "U64": return try read(UInt64.self)
    case "I64": return try read(Int64.self)
    default: return nil
    }
  }

  /// The named tensor in place, without a copy; see ``MappedMatrix/view(as:)``.
  public func view<Element: Scalar>(
    _ name: String, as type: Element.Type = Element.self
  ) throws(TensorFileError) -> MatrixView<Element> {
    try mapped(name).view(as: type)
  }
}
