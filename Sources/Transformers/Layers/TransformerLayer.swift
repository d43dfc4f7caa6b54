import LinearAlgebra

/// One layer: attention, then a feed-forward part, each added to what it has read.
///
/// Normalizing first: h = x + attention(norm(x)), y = h + feedForward(norm(h)). Normalizing after, as BERT does:
/// h = norm(x + attention(x)), y = norm(h + feedForward(h)).
struct TransformerLayer<Element: Scalar>: Sendable {
  let normalizesFirst: Bool
  let attentionNorm: Normalization<Element>
  let attention: Attention<Element>
  let feedForwardNorm: Normalization<Element>
  let feedForward: FeedForward<Element>
  /// The number of the layer.
  let index: Int

  /// What backward needs of forward.
  struct Saved {
    let attentionNorm: Normalization<Element>.Saved
    let attention: Attention<Element>.Saved
    let feedForwardNorm: Normalization<Element>.Saved
    let feedForward: FeedForward<Element>.Saved
  }

  /// Whether something of it is trained.
  var isTrained: Bool { attention.isTrained || feedForward.isTrained }

  /// - Parameter x: tokens × hidden.
  func forward(_ x: Matrix<Element>, _ pass: LayerPass<Element>) -> (Matrix<Element>, Saved) {
    if normalizesFirst {
      let (read, norm) = attentionNorm.forward(x)
      var (h, attentionSaved) = attention.forward(read, pass)
      drop(&h, pass, at: DropoutSite.attention(layer: index))
      h.add(x, scale: 1)
      let (inner, innerNorm) = feedForwardNorm.forward(h)
      var (y, feedForwardSaved) = feedForward.forward(inner, pass)
      drop(&y, pass, at: DropoutSite.feedForward(layer: index))
      y.add(h, scale: 1)
      return (
        y,
        Saved(
          attentionNorm: norm, attention: attentionSaved, feedForwardNorm: innerNorm,
          feedForward: feedForwardSaved)
      )
    }
    var (sum, attentionSaved) = attention.forward(x, pass)
    drop(&sum, pass, at: DropoutSite.attention(layer: index))
    sum.add(x, scale: 1)
    let (h, norm) = attentionNorm.forward(sum)
    var (outer, feedForwardSaved) = feedForward.forward(h, pass)
    drop(&outer, pass, at: DropoutSite.feedForward(layer: index))
    outer.add(h, scale: 1)
    let (y, outerNorm) = feedForwardNorm.forward(outer)
    return (
      y,
      Saved(
        attentionNorm: norm, attention: attentionSaved, feedForwardNorm: outerNorm,
        feedForward: feedForwardSaved)
    )
  }

  /// - Parameters:
  ///   - dy: The gradient by what was made, tokens × hidden.
  ///   - needsInput: Whether a layer below wants the gradient by what was read.
  /// - Returns: tokens × hidden; nil where it is not needed.
  func backward(
    _ dy: Matrix<Element>, _ saved: Saved, _ pass: inout LayerPass<Element>, needsInput: Bool
  ) -> Matrix<Element>? {
    let needsAttention = needsInput || attention.isTrained
    if normalizesFirst {
      var dh = dy
      var dFeedForward = dy
      drop(&dFeedForward, pass, at: DropoutSite.feedForward(layer: index))
      if let inner = feedForward.backward(
        dFeedForward, saved.feedForward, &pass, needsInput: needsAttention)
      {
        feedForwardNorm.backward(inner, saved.feedForwardNorm, addingTo: &dh)
      }
      guard needsAttention else { return nil }
      var dAttention = dh
      drop(&dAttention, pass, at: DropoutSite.attention(layer: index))
      guard
        let read = attention.backward(
          dAttention, saved.attention, &pass, needsInput: needsInput)
      else { return nil }
      attentionNorm.backward(read, saved.attentionNorm, addingTo: &dh)
      return dh
    }
    var dOuter = Matrix<Element>.zeros(dy.rows, dy.columns)
    feedForwardNorm.backward(dy, saved.feedForwardNorm, addingTo: &dOuter)
    var dFeedForward = dOuter
    drop(&dFeedForward, pass, at: DropoutSite.feedForward(layer: index))
    guard
      let inner = feedForward.backward(
        dFeedForward, saved.feedForward, &pass, needsInput: needsAttention)
    else { return nil }
    dOuter.add(inner, scale: 1)
    var dSum = Matrix<Element>.zeros(dy.rows, dy.columns)
    attentionNorm.backward(dOuter, saved.attentionNorm, addingTo: &dSum)
    var dAttention = dSum
    drop(&dAttention, pass, at: DropoutSite.attention(layer: index))
    guard
      let read = attention.backward(dAttention, saved.attention, &pass, needsInput: needsInput)
    else { return nil }
    dSum.add(read, scale: 1)
    return dSum
  }

  private func drop(_ matrix: inout Matrix<Element>, _ pass: LayerPass<Element>, at site: Int) {
    pass.drop(&matrix, at: site, rate: pass.dropout?.rates.hidden ?? 0)
  }
}
