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
    try write(
      matrix.elements.span, shape: [matrix.rows, matrix.columns], to: url, as: elementType)
  }

  /// Writes a vector as a one-dimensional array, whole or not at all.
  ///
  /// - Parameters:
  ///   - vector: The numbers.
  ///   - url: The file; replaced where it exists.
  ///   - elementType: How to store each number; as it is in memory unless given.
  /// - Throws: ``TensorFileError`` where the file cannot be written, or for bfloat16, which numpy
  ///   does not have.
  public static func write<Element: Scalar>(
    _ vector: [Element], to url: URL, as elementType: ElementType? = nil
  ) throws(TensorFileError) {
    try write(vector.span, shape: [vector.count], to: url, as: elementType)
  }

  /// Writes a vector as a one-dimensional array that has no name yet, until it is committed.
  ///
  /// - Parameters:
  ///   - vector: The numbers.
  ///   - url: The file; replaced at the commit where it exists.
  ///   - elementType: How to store each number; as it is in memory unless given.
  /// - Throws: ``TensorFileError`` as `write(_:to:as:)` does.
  public static func prepare<Element: Scalar>(
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

  private static func write<Element: Scalar>(
    _ values: Span<Element>, shape: [Int], to url: URL, as elementType: ElementType?
  ) throws(TensorFileError) {
    try prepare(values, shape: shape, at: url, as: elementType).commit()
  }

  private static func prepare<Element: Scalar>(
    _ values: Span<Element>, shape: [Int], at url: URL, as elementType: ElementType?
  ) throws(TensorFileError) -> AtomicFile {
    let elementType = elementType ?? (Element.self == Float.self ? .float32 : .float64)
    guard let descriptor = elementType.numpyDescriptor else {
      throw .unsupportedElementType(
        path: url.path, field: "descr", found: elementType.name,
        supported: "float16, float32, float64")
    }
    var file = try AtomicFile(at: url)
    try file.write(NumpyHeader.bytes(descriptor: descriptor, shape: shape))
    try file.write(values, as: elementType)
    return file
  }
}
