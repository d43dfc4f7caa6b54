public import Foundation
public import LinearAlgebra

extension NumpyFile {
  /// Writes a matrix as a two-dimensional array in C order, whole or not at all.
  ///
  /// - Parameters:
  ///   - matrix: The numbers.
  ///   - url: The file; replaced where it exists.
  ///   - elementType: How to store each number; as it is in memory unless given.
  /// - Throws: ``TensorFileError`` where the file cannot be written, or for bfloat16, which numpy
  ///   does not have.
  public static func write<Element: Scalar>(
    _ matrix: Matrix<Element>, to url: URL, as elementType: ElementType? = nil
  ) throws(TensorFileError) {
    try prepare(
      matrix.elements.span, shape: [matrix.rows, matrix.columns], at: url, as: elementType
    ).commit()
  }

  /// Writes a vector as a one-dimensional array, as it writes a matrix.
  public static func write<Element: Scalar>(
    _ vector: [Element], to url: URL, as elementType: ElementType? = nil
  ) throws(TensorFileError) {
    try prepare(vector, at: url, as: elementType).commit()
  }

  /// Writes a vector as a one-dimensional array that has no name yet, until it is committed.
  package static func prepare<Element: Scalar>(
    _ vector: [Element], at url: URL, as elementType: ElementType? = nil
  ) throws(TensorFileError) -> AtomicFile {
    try prepare(vector.span, shape: [vector.count], at: url, as: elementType)
  }

  /// Writes integers as a one-dimensional array of int64, whole or not at all.
  ///
  /// - Throws: ``TensorFileError`` where the file cannot be written.
  public static func write(_ integers: [Int], to url: URL) throws(TensorFileError) {
    var file = try AtomicFile(at: url)
    try file.write(NumpyHeader.bytes(descriptor: "<i8", shape: [integers.count]))
    let stored = integers.map(Int64.init)
    try file.write(stored.span)
    try file.commit()
  }

  private static func prepare<Element: Scalar>(
    _ values: Span<Element>, shape: [Int], at url: URL, as elementType: ElementType?
  ) throws(TensorFileError) -> AtomicFile {
    let elementType = elementType ?? .native(of: Element.self)
    var file = try begin(shape, elementType, at: url)
    try file.write(values, as: elementType)
    return file
  }

  /// A file with the header of an array, whose numbers follow.
  static func begin(
    _ shape: [Int], _ elementType: ElementType, at url: URL
  ) throws(TensorFileError) -> AtomicFile {
    guard let descriptor = elementType.numpyDescriptor else {
      throw .unsupportedElementType(
        path: url.path, field: "descr", found: elementType.name,
        supported: "float16, float32, float64")
    }
    var file = try AtomicFile(at: url)
    try file.write(NumpyHeader.bytes(descriptor: descriptor, shape: shape))
    return file
  }
}
