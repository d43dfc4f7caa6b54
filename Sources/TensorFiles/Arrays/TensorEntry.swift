/// One tensor that a `.safetensors` file holds: what its header says, checked.
public struct TensorEntry: Sendable, Hashable {
  /// The tensor's name.
  public let name: String
  /// The type as the header spells it: `F32`, `I64`.
  public let elementTypeName: String
  /// How numbers are stored; nil for a type whose values are not read here, such as `I64`.
  public let elementType: ElementType?
  /// The tensor's dimensions; none for a scalar.
  public let shape: [Int]
  /// The tensor's bytes, counted from the start of the file.
  public let byteRange: Range<Int>

  /// As a matrix, a tensor has `shape[0]` rows; 1 for a scalar.
  public var rows: Int { TensorShape.matrix(of: shape).rows }

  /// As a matrix, a tensor has a column for each index of the other dimensions; 1 where there are
  /// none.
  public var columns: Int { TensorShape.matrix(of: shape).columns }
}
