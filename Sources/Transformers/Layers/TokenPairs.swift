import Gradients
package import LinearAlgebra

/// What a block that is a linear map read of each token, and the gradient by what it made: the block's gradient is
/// Σ s·aᵀ over the tokens.
package struct TokenPairs<Element: Scalar>: Sendable {
  /// a, rows × inputs; a vector reads 1.
  package let inputs: Matrix<Element>
  /// s, rows × outputs.
  package let gradients: Matrix<Element>
}

extension Block {
  /// The outputs and inputs of a trained tensor as a linear map; a vector has one input.
  var sides: (outputs: Int, inputs: Int) {
    shape.count == 2 ? (shape[0], shape[1]) : (width, 1)
  }
}
