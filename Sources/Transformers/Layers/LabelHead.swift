package import LinearAlgebra

/// Logits of labels from each text's first token: output(tanh(dense(x))).
package struct LabelHead<Element: Scalar>: Sendable {
  let dense: LinearMap<Element>
  let output: LinearMap<Element>
  /// Whether what the dense map reads is dropped too, as RoBERTa does.
  let dropsInput: Bool

  /// What backward needs of forward.
  package struct Saved {
    var inner: Matrix<Element>
    let dense: LinearMap<Element>.Saved
    let output: LinearMap<Element>.Saved
  }

  private func drop(_ matrix: inout Matrix<Element>, _ pass: LayerPass<Element>, at site: Int) {
    pass.drop(&matrix, at: site, rate: pass.dropout?.rates.classifier ?? 0)
  }

  /// - Parameters:
  ///   - first: The first token's numbers of each text, texts × hidden.
  ///   - pass: A pass with one row for each text.
  /// - Returns: texts × labels.
  package func forward(
    _ first: Matrix<Element>, _ pass: LayerPass<Element>
  ) -> (Matrix<Element>, Saved) {
    let (pooled, inner, denseSaved) = pooled(first, pass)
    let (logits, outputSaved) = output.forward(pooled, pass)
    return (logits, Saved(inner: inner, dense: denseSaved, output: outputSaved))
  }

  /// What the map to the labels reads, texts × hidden, and what came before tanh.
  func pooled(
    _ first: Matrix<Element>, _ pass: LayerPass<Element>
  ) -> (values: Matrix<Element>, inner: Matrix<Element>, saved: LinearMap<Element>.Saved) {
    var first = first
    if dropsInput { drop(&first, pass, at: DropoutSite.head) }
    let (inner, saved) = dense.forward(first, pass)
    var values = inner.activated(.tanh)
    drop(&values, pass, at: DropoutSite.headInside)
    return (values, inner, saved)
  }

  /// - Returns: The gradient by each text's first token, texts × hidden; nil where it is not needed.
  package func backward(
    _ dLogits: Matrix<Element>, _ saved: consuming Saved, _ pass: inout LayerPass<Element>,
    needsInput: Bool
  ) -> Matrix<Element>? {
    let needsDense = needsInput || dense.isTrained
    guard
      var dPooled = output.backward(dLogits, saved.output, &pass, needsInput: needsDense)
    else { return nil }
    drop(&dPooled, pass, at: DropoutSite.headInside)
    saved.inner.turnThroughActivation(.tanh, gradient: dPooled)
    guard
      var dFirst = dense.backward(saved.inner, saved.dense, &pass, needsInput: needsInput)
    else { return nil }
    if dropsInput { drop(&dFirst, pass, at: DropoutSite.head) }
    return dFirst
  }
}
