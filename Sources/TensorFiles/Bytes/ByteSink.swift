package import LinearAlgebra

/// A file that takes bytes one after the other: ``AtomicFile`` and ``AppendableFile``.
package protocol ByteSink: ~Copyable {
  /// Writes the bytes of `elements` in memory order, which is little-endian.
  ///
  /// - Throws: ``TensorFileError``; some of the bytes may then have been written.
  mutating func write<Element: BitwiseCopyable>(
    _ elements: Span<Element>
  ) throws(TensorFileError)
}

extension ByteSink where Self: ~Copyable {
  package mutating func write(_ bytes: [UInt8]) throws(TensorFileError) { try write(bytes.span) }

  /// Writes numbers as `elementType`, each rounded once, to nearest even.
  ///
  /// A number too large for the type becomes infinity; a NaN stays a NaN. The working copy is of
  /// 128 KB, whatever the number of values. Not for int8, whose scales somebody must choose first.
  ///
  /// - Complexity: O(n), at the speed of memory or of the disk.
  package mutating func write<Element: Scalar>(
    _ values: Span<Element>, as elementType: ElementType
  ) throws(TensorFileError) {
    guard elementType != .native(of: Element.self) else { return try write(values) }
    let chunk = 1 << 15
    for start in stride(from: 0, to: values.count, by: chunk) {
      let part = values.extracting(start..<min(start + chunk, values.count))
      switch elementType {
      case .float16:
        let patterns = encoded(part, as: Binary16Encoding.self)
        try write(patterns.span)
      case .bfloat16:
        let patterns = encoded(part, as: BrainEncoding.self)
        try write(patterns.span)
      case .float32:
        let numbers = converted(part, to: Float.self)
        try write(numbers.span)
      case .float64:
        let numbers = converted(part, to: Double.self)
        try write(numbers.span)
      case .int8:
        preconditionFailure("numbers become int8 by a scale; write the integers themselves")
      }
    }
  }

  /// Writes a matrix as `elementType`, row by row; see ``write(_:as:)``.
  package mutating func write<Element: Scalar>(
    _ matrix: Matrix<Element>, as elementType: ElementType
  ) throws(TensorFileError) {
    try write(matrix.elements.span, as: elementType)
  }
}

@specialized(where Encoding == Binary16Encoding, Element == Float)
@specialized(where Encoding == Binary16Encoding, Element == Double)
@specialized(where Encoding == BrainEncoding, Element == Float)
@specialized(where Encoding == BrainEncoding, Element == Double)
private func encoded<Encoding: NarrowEncoding, Element: Scalar>(
  _ values: Span<Element>, as encoding: Encoding.Type
) -> [UInt16] {
  var patterns = [UInt16](repeating: 0, count: values.count)
  var destination = patterns.mutableSpan
  precondition(destination.count == values.count)
  if Element.self == Float.self {
    for index in values.indices {
      destination[index] = Encoding.pattern(of: Float(values[index]))
    }
  } else {
    for index in values.indices {
      destination[index] = Encoding.pattern(of: Float(roundingToOdd: Double(values[index])))
    }
  }
  return patterns
}

@specialized(where Element == Float, Result == Double)
@specialized(where Element == Double, Result == Float)
private func converted<Element: Scalar, Result: Scalar>(
  _ values: Span<Element>, to type: Result.Type
) -> [Result] {
  var results = [Result](repeating: 0, count: values.count)
  var destination = results.mutableSpan
  precondition(destination.count == values.count)
  for index in values.indices { destination[index] = Result(values[index]) }
  return results
}
