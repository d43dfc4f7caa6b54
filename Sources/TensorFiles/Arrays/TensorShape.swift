/// A shape that came from a file, with its arithmetic checked.
struct TensorShape {
  /// The dimensions, none negative.
  let dimensions: [Int]
  /// The product of the dimensions; 1 for none.
  let elementCount: Int

  /// Checks that the dimensions that are not 0 have a product that fits in an Int, at `bitCount` bits
  /// an element; the empty tensor of shape `2^40 × 0 × 2^40` has no meaning that is worth keeping.
  init(
    _ dimensions: [Int], bitCount: Int, path: String, field: String
  ) throws(TensorFileError) {
    var product = bitCount
    for dimension in dimensions where dimension != 0 {
      let (next, isTooLarge) = product.multipliedReportingOverflow(by: dimension)
      guard !isTooLarge else {
        throw .shapeOverflow(path: path, field: field, shape: dimensions)
      }
      product = next
    }
    self.dimensions = dimensions
    elementCount = dimensions.contains(0) ? 0 : product / bitCount
  }

  /// A tensor as a matrix: `shape[0]` rows of the rest; n × 1 for a vector, 1 × 1 for a scalar.
  static func matrix(of dimensions: [Int]) -> (rows: Int, columns: Int) {
    (dimensions.first ?? 1, dimensions.dropFirst().reduce(1, *))
  }
}
