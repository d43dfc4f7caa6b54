package import LinearAlgebra

/// What all layers of one pass over some texts share.
///
/// The texts lie one after the other in matrices of a row for each token: there is no padding. A text's numbers
/// do not depend on the others of the pass.
package struct LayerPass<Element: Scalar> {
  /// Text e has the rows `starts[e] ..< starts[e + 1]`.
  let starts: [Int]
  /// The place of each token in its text, from 0.
  let positions: [Int32]
  /// Cosines and sines of positions; nil where layers do not turn by them.
  let rotation: RotationTable<Element>?
  /// What is dropped at random; nil outside of training.
  var dropout: PassDropout?
  /// Whether gradients will be taken, so that layers keep what they need for it.
  let takesGradients: Bool
  /// The gradients of what is trained; nil where none are taken, or another pass has them.
  package var gradients: AdapterGradients<Element>?

  /// The number of texts.
  var textCount: Int { starts.count - 1 }
  /// The number of tokens, of all texts together.
  var tokenCount: Int { starts[starts.count - 1] }

  /// The rows of a text.
  func rows(_ text: Int) -> Range<Int> { starts[text]..<starts[text + 1] }

  /// Drops numbers of a matrix that has a row for each token.
  ///
  /// Backward as forward: the mask of a site is the same.
  func drop(_ matrix: inout Matrix<Element>, at site: Int, rate: Double) {
    guard let dropout, rate > 0 else { return }
    matrix.drop(dropout.mask(site, rate: rate), from: dropout.firstRow * matrix.columns)
  }

  /// Adds `scale · leftᵀ · right` to the gradient of a block; see ``AdapterGradients``.
  mutating func addGradient(
    _ block: Int, _ left: MatrixView<Element>, _ right: MatrixView<Element>, scale: Element = 1
  ) {
    gradients?.add(block, left, right, starts: starts, positions: positions, scale: scale)
  }

  /// The same pass over some of the rows.
  ///
  /// It has no gradients: they are lent by ``lendGradients(to:_:)``.
  package func keeping(_ kept: KeptRows) -> LayerPass {
    var pass = LayerPass(
      starts: kept.starts, positions: kept.rows.map { positions[$0] }, rotation: rotation,
      dropout: dropout, takesGradients: takesGradients)
    pass.dropout?.firstRow = kept.firstRow
    return pass
  }

  /// A pass over so many tokens of one text, of which this one has the last; nothing is taken of it but their number.
  func seeing(_ count: Int) -> LayerPass {
    LayerPass(
      starts: [0, count], positions: [], rotation: rotation, dropout: nil, takesGradients: false)
  }

  /// The same pass without gradients.
  var withoutGradients: LayerPass {
    LayerPass(
      starts: starts, positions: positions, rotation: rotation, dropout: dropout,
      takesGradients: takesGradients)
  }

  /// Lets the layers of another pass add to this pass's gradients.
  package mutating func lendGradients<Result>(
    to other: LayerPass, _ body: (inout LayerPass) -> Result
  ) -> Result {
    var other = other
    swap(&gradients, &other.gradients)
    defer { swap(&gradients, &other.gradients) }
    return body(&other)
  }
}

/// Some rows of each text, one after the other: what alone matters of the last layer.
package struct KeptRows: Sendable {
  /// Rows of all tokens.
  package let rows: [Int]
  /// Text e has the kept rows `starts[e] ..< starts[e + 1]`.
  let starts: [Int]
  /// The kept rows of the texts before the pass.
  let firstRow: Int
}

/// What is dropped in one step of training.
package struct PassDropout: Sendable {
  /// The rates of the model's own parts.
  let rates: ModelDropout
  /// The rate of what pairs of low rank read.
  let adapterRate: Double
  /// The stream of this step.
  let stream: DropoutStream
  /// The row of the step's batch that the pass begins with: masks do not depend on how a batch is cut.
  var firstRow: Int
  /// Whether something is dropped in the layers below the first with something of the adapter, too.
  let dropsFrozenLayers: Bool

  /// - Parameter reachesFrozenLayers: Whether the model's own rates hold below the adapter.
  package init(
    rates: ModelDropout, adapterRate: Double, stream: DropoutStream, firstRow: Int,
    reachesFrozenLayers: Bool = true
  ) {
    self.rates = rates
    self.adapterRate = adapterRate
    self.stream = stream
    self.firstRow = firstRow
    dropsFrozenLayers =
      reachesFrozenLayers && max(rates.embedding, rates.hidden, rates.attention) > 0
  }

  /// The mask of a place in the model.
  func mask(_ site: Int, rate: Double) -> DropoutMask {
    DropoutMask(
      rate: rate, seed: stream.seed, stream: stream.step << 24 | UInt64(truncatingIfNeeded: site))
  }
}

/// Names what is dropped at random in one step of training.
public struct DropoutStream: Sendable, Hashable {
  /// The seed of the training.
  public let seed: UInt64
  /// The step, or the member of an ensemble, below 2⁴⁰.
  public let step: UInt64

  /// Names a stream.
  public init(seed: UInt64, step: UInt64) { (self.seed, self.step) = (seed, step) }
}

/// Numbers the places of a model where something may be dropped: 64 for each layer.
enum DropoutSite {
  static let embeddings = 0
  static let head = 1
  static let headInside = 2
  static func attention(layer: Int) -> Int { 64 * (layer + 1) }
  static func feedForward(layer: Int) -> Int { 64 * (layer + 1) + 1 }
  static func pair(layer: Int, map: Int) -> Int { 64 * (layer + 1) + 2 + map }
  static func weights(layer: Int, head: Int) -> Int { 1 << 22 | layer << 12 | head }
}
