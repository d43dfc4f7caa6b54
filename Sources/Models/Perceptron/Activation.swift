public import LinearAlgebra
internal import RealModule

/// The function between two layers of a network.
public enum Activation: String, Sendable, Hashable, CaseIterable, Codable {
  /// The hyperbolic tangent.
  case tanh
  /// The positive part, max(0, x).
  case relu

  /// The function's value.
  public func value<Element: Scalar>(_ input: Element) -> Element {
    switch self {
    case .tanh: Element.tanh(input)
    case .relu: max(0, input)
    }
  }
}

extension Activation {
  /// The function of every element.
  @specialized(where Element == Float)
  @specialized(where Element == Double)
  func values<Element: Scalar>(_ inputs: Matrix<Element>) -> Matrix<Element> {
    let elements: [Element]
    switch self {
    case .tanh: elements = inputs.elements.map { Element.tanh($0) }
    case .relu: elements = inputs.elements.map { $0 > 0 ? $0 : 0 }
    }
    return Matrix(rows: inputs.rows, columns: inputs.columns, elements: elements)
  }

  /// The chain rule: gradients by the outputs, times the derivative, are gradients by the inputs.
  ///
  /// At its corner, relu has derivative 0, as in PyTorch.
  ///
  /// - Parameters:
  ///   - gradients: The gradients by the outputs, of the same shape as `outputs`.
  ///   - outputs: The function's values.
  @specialized(where Element == Float)
  @specialized(where Element == Double)
  func inputGradients<Element: Scalar>(
    from gradients: Matrix<Element>, outputs: Matrix<Element>
  ) -> Matrix<Element> {
    let count = gradients.elements.count
    precondition(count == outputs.elements.count, "gradients and outputs differ in shape")
    var elements = gradients.elements
    let values = outputs.elements
    switch self {
    case .tanh: for index in 0..<count { elements[index] *= 1 - values[index] * values[index] }
    case .relu: for index in 0..<count where !(values[index] > 0) { elements[index] = 0 }
    }
    return Matrix(rows: gradients.rows, columns: gradients.columns, elements: elements)
  }
}
