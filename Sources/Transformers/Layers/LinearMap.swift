package import LinearAlgebra

/// A linear map y = W·x + b of each token, with a pair of low rank beside it or not.
///
/// W stays as it is, or is trained whole. With a pair, y = W·x + b + scale · B·(A·x). The gradients, with
/// dy of tokens × outputs:
///
///     dx = dy·W + scale · (dy·B)·A     dB = scale · dyᵀ·(x·Aᵀ)     dA = scale · (dy·B)ᵀ·x
///     dW = dyᵀ·x                       db = dyᵀ·1
package struct LinearMap<Element: Scalar>: Sendable {
  /// A pair of low rank.
  struct Pair: Sendable {
    /// rank × inputs, and the block of its gradient; nil where none is taken.
    let down: Matrix<Element>
    let downBlock: Int?
    /// outputs × rank, and the block of its gradient; nil where none is taken.
    let up: Matrix<Element>
    let upBlock: Int?
    let scale: Element
    /// Where what it reads is dropped.
    let site: Int
  }

  /// outputs × inputs, or the transpose.
  let weight: Matrix<Element>
  let isStoredTransposed: Bool
  /// One number for each output; empty where there are none.
  let bias: [Element]
  var pair: Pair?
  /// The block of W's gradient where it is trained.
  var weightBlock: Int?
  /// The block of b's gradient where it is trained.
  var biasBlock: Int?

  /// What backward needs of forward.
  package struct Saved {
    /// What a trained W read.
    var input: Matrix<Element>?
    /// What the pair read.
    var pairInput: Matrix<Element>?
    /// x·Aᵀ, tokens × rank.
    var low: Matrix<Element>?
  }

  /// Whether a gradient of something of it is taken.
  var isTrained: Bool {
    pair?.downBlock != nil || pair?.upBlock != nil || weightBlock != nil || biasBlock != nil
  }

  private var forwardWeight: MatrixView<Element> {
    isStoredTransposed ? weight.view : weight.transposed
  }

  /// - Parameter x: tokens × inputs.
  /// - Returns: tokens × outputs.
  func forward(_ x: Matrix<Element>, _ pass: LayerPass<Element>) -> (Matrix<Element>, Saved) {
    var y = Matrix(product: x.view, forwardWeight)
    if !bias.isEmpty { y.addToEachRow(bias) }
    var saved = Saved()
    if let pair {
      var input = x
      pass.drop(&input, at: pair.site, rate: pass.dropout?.adapterRate ?? 0)
      let low = Matrix(product: input.view, pair.down.transposed)
      y.add(product: low.view, pair.up.transposed, scale: pair.scale)
      if pass.takesGradients { (saved.pairInput, saved.low) = (input, low) }
    }
    if pass.takesGradients, weightBlock != nil { saved.input = x }
    return (y, saved)
  }

  /// Takes the gradients of what is trained, and the gradient by what was read.
  ///
  /// - Parameters:
  ///   - dy: The gradient by what was made, tokens × outputs.
  ///   - needsInput: Whether anything below wants the gradient by what was read.
  /// - Returns: tokens × inputs; nil where it is not needed.
  func backward(
    _ dy: Matrix<Element>, _ saved: Saved, _ pass: inout LayerPass<Element>, needsInput: Bool = true
  ) -> Matrix<Element>? {
    if let weightBlock, let input = saved.input {
      if isStoredTransposed {
        pass.addGradient(weightBlock, input.view, dy.view)
      } else {
        pass.addGradient(weightBlock, dy.view, input.view)
      }
    }
    if let biasBlock {
      let ones = Matrix<Element>(repeating: 1, rows: dy.rows, columns: 1)
      pass.addGradient(biasBlock, dy.view, ones.view)
    }
    var dx = needsInput ? Matrix(product: dy.view, forwardWeight.transposed) : nil
    if let pair, let input = saved.pairInput, let low = saved.low {
      let dLow = Matrix(product: dy.view, pair.up.view)
      if let block = pair.downBlock {
        pass.addGradient(block, dLow.view, input.view, scale: pair.scale)
      }
      if let block = pair.upBlock {
        pass.addGradient(block, dy.view, low.view, scale: pair.scale)
      }
      if let rate = pass.dropout?.adapterRate, rate > 0, needsInput {
        var dInput = Matrix<Element>.zeros(dy.rows, pair.down.columns)
        dInput.set(product: dLow.view, pair.down.view, scale: pair.scale)
        pass.drop(&dInput, at: pair.site, rate: rate)
        dx?.add(dInput, scale: 1)
      } else {
        dx?.add(product: dLow.view, pair.down.view, scale: pair.scale)
      }
    }
    return dx
  }
}
