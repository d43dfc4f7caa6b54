public import LinearAlgebra

/// C = V·Gᵀ of one block, with the norms of the queries.
public struct CrossProducts: Sendable {
  private enum Values: Sendable {
    case single(Matrix<Float>)
    case double(Matrix<Double>)
  }

  private let values: Values
  /// ‖v‖² for each query.
  public let squaredQueryNorms: [Double]

  /// Wraps products computed in either precision.
  ///
  /// - Parameters:
  ///   - values: C, `m × n`.
  ///   - squaredQueryNorms: m squared norms.
  public init<Element: Scalar>(_ values: Matrix<Element>, squaredQueryNorms: [Double]) {
    precondition(values.rows == squaredQueryNorms.count, "one norm per query")
    if let single = values as? Matrix<Float> {
      self.values = .single(single)
    } else {
      self.values = .double(Matrix<Double>(converting: values))
    }
    self.squaredQueryNorms = squaredQueryNorms
  }

  /// The number of queries m.
  public var queryCount: Int { squaredQueryNorms.count }

  /// C in the given precision; no copy where that is its own.
  public func matrix<Element: Scalar>(as: Element.Type = Element.self) -> Matrix<Element> {
    switch values {
    case .single(let matrix): Matrix<Element>(converting: matrix)
    case .double(let matrix): Matrix<Element>(converting: matrix)
    }
  }
}
