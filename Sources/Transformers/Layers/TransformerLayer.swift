package import LinearAlgebra

/// One layer: attention, then a feed-forward part, each added to what it has read.
///
/// Normalizing first: h = x + attention(norm(x)), y = h + feedForward(norm(h)). Normalizing after, as BERT does:
/// h = norm(x + attention(x)), y = norm(h + feedForward(h)).
package struct TransformerLayer<Element: Scalar>: Sendable {
  let normalizesFirst: Bool
  package let attentionNorm: Normalization<Element>
  package let attention: Attention<Element>
  package let feedForwardNorm: Normalization<Element>
  package let feedForward: FeedForward<Element>
  /// The number of the layer.
  let index: Int

  /// What backward needs of forward.
  package struct Saved {
    /// Of the normalization of attention, and of the feed-forward part.
    let norms: [Normalization<Element>.Saved?]
    let attention: Attention<Element>.Saved
    let feedForward: FeedForward<Element>.Saved
  }

  /// Whether something of it is trained.
  var isTrained: Bool { attention.isTrained || feedForward.isTrained }

  /// - Parameters:
  ///   - x: tokens × hidden.
  ///   - kept: The rows that are asked for, in the last layer; all where it is nil.
  ///   - cache: What is kept of the tokens before, where x goes on with a text.
  /// - Returns: A row for each that is asked for.
  package func forward(
    _ x: Matrix<Element>, _ pass: LayerPass<Element>, kept: KeptRows?,
    cache: KeyValueCache<Element>? = nil
  ) -> (Matrix<Element>, Saved) {
    let keptPass = kept.map(pass.keeping) ?? pass
    let (read, readNorm) = normalizesFirst ? attentionNorm.forward(x) : (x, nil)
    var (h, attentionSaved) = attention.forward(read, pass, kept: kept, cache: cache)
    drop(&h, keptPass, at: DropoutSite.attention(layer: index))
    h.add(kept.map { x.selecting(rows: $0.rows) } ?? x, scale: 1)
    let (inner, innerNorm) = (normalizesFirst ? feedForwardNorm : attentionNorm).forward(h)
    var (y, feedForwardSaved) = feedForward.forward(inner, keptPass)
    drop(&y, keptPass, at: DropoutSite.feedForward(layer: index))
    y.add(normalizesFirst ? h : inner, scale: 1)
    let norms: [Normalization<Element>.Saved?]
    if normalizesFirst {
      norms = [readNorm, innerNorm]
    } else {
      let (normalized, outerNorm) = feedForwardNorm.forward(y)
      y = normalized
      norms = [innerNorm, outerNorm]
    }
    return (y, Saved(norms: norms, attention: attentionSaved, feedForward: feedForwardSaved))
  }

  /// - Parameters:
  ///   - dy: The gradient by what was made: a row for each that was asked for.
  ///   - needsInput: Whether a layer below wants the gradient by what was read.
  /// - Returns: tokens × hidden; nil where it is not needed.
  package func backward(
    _ dy: Matrix<Element>, _ saved: consuming Saved, _ pass: inout LayerPass<Element>,
    kept: KeptRows?,
    needsInput: Bool
  ) -> Matrix<Element>? {
    let needsAttention = needsInput || attention.isTrained
    let keptPass = kept.map(pass.keeping) ?? pass.withoutGradients
    // What comes to the sum behind the feed-forward part.
    var dSum = dy
    if !normalizesFirst {
      dSum = .zeros(dy.rows, dy.columns)
      back(feedForwardNorm, dy, saved.norms[1], &dSum)
    }
    var dFeedForward = dSum
    drop(&dFeedForward, keptPass, at: DropoutSite.feedForward(layer: index))
    let inner = pass.lendGradients(to: keptPass) {
      feedForward.backward(dFeedForward, saved.feedForward, &$0, needsInput: needsAttention)
    }
    guard needsAttention, let inner else { return nil }
    // What comes to the sum behind attention.
    if normalizesFirst {
      back(feedForwardNorm, inner, saved.norms[1], &dSum)
    } else {
      dSum.add(inner, scale: 1)
      let outer = dSum
      dSum = .zeros(dy.rows, dy.columns)
      back(attentionNorm, outer, saved.norms[0], &dSum)
    }
    var dAttention = dSum
    drop(&dAttention, keptPass, at: DropoutSite.attention(layer: index))
    guard
      let read = attention.backward(
        dAttention, saved.attention, &pass, kept: kept, needsInput: needsInput)
    else { return nil }
    if let kept { dSum = dSum.spread(to: kept.rows, of: read.rows) }
    if normalizesFirst {
      back(attentionNorm, read, saved.norms[0], &dSum)
    } else {
      dSum.add(read, scale: 1)
    }
    return dSum
  }

  private func back(
    _ norm: Normalization<Element>, _ gradient: Matrix<Element>,
    _ saved: Normalization<Element>.Saved?, _ sum: inout Matrix<Element>
  ) {
    if let saved { norm.backward(gradient, saved, addingTo: &sum) }
  }

  private func drop(_ matrix: inout Matrix<Element>, _ pass: LayerPass<Element>, at site: Int) {
    pass.drop(&matrix, at: site, rate: pass.dropout?.rates.hidden ?? 0)
  }
}
