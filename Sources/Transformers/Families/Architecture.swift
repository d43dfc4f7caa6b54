/// What a family's models are made of, piece by piece, with the names of their tensors.
///
/// A family says it once; which tensors a checkpoint must have, and how the model computes, both follow.
package struct Architecture: Sendable {
  /// A linear map: y = W·x + b.
  package struct Map: Sendable, Hashable {
    /// The name that `.weight` and `.bias` are appended to.
    package let name: String
    /// The numbers that it reads.
    package let inputs: Int
    /// The numbers that it makes.
    package let outputs: Int
    /// Whether there is a b.
    package let hasBias: Bool
    /// Whether W is stored as inputs × outputs.
    package let isStoredTransposed: Bool

    init(
      _ name: String, from inputs: Int, to outputs: Int, bias: Bool = true,
      isStoredTransposed: Bool = false
    ) {
      self.name = name
      self.inputs = inputs
      self.outputs = outputs
      hasBias = bias
      self.isStoredTransposed = isStoredTransposed
    }
  }

  /// A normalization of each token's numbers.
  package struct Norm: Sendable, Hashable {
    /// The name that `.weight` and `.bias` are appended to.
    package let name: String
    /// The numbers.
    package let size: Int

    init(_ name: String, _ size: Int) { (self.name, self.size) = (name, size) }
  }

  /// What tokens become before the first layer.
  package struct Embeddings: Sendable {
    /// The matrix of tokens, vocabulary × hidden.
    package let tokens: ExpectedTensor
    /// The matrix of positions; nil where layers turn by positions.
    package let positions: ExpectedTensor?
    /// The row of a text's first token in the matrix of positions.
    package let firstPosition: Int
    /// The matrix of token types.
    package let types: ExpectedTensor?
    /// What the sum is normalized by.
    package let norm: Norm?
  }

  /// Where queries, keys and values come from.
  package enum Projections: Sendable {
    case separate(query: Map, key: Map, value: Map)
    /// One map makes all three, one after the other.
    case joined(Map)

    /// The maps.
    package var maps: [Map] {
      switch self {
      case .separate(let query, let key, let value): [query, key, value]
      case .joined(let map): [map]
      }
    }
  }

  /// One layer: attention, then a feed-forward part.
  package struct Layer: Sendable {
    package let attentionNorm: Norm
    package let projections: Projections
    package let attentionOutput: Map
    package let feedForwardNorm: Norm
    /// What the activation is applied to where it multiplies `up`; nil where it is applied to `up` itself.
    package let gate: Map?
    package let up: Map
    package let down: Map

    /// The linear maps, in the order of the computation.
    package var maps: [Map] {
      projections.maps + [attentionOutput] + (gate.map { [$0] } ?? []) + [up, down]
    }
  }

  /// What the last layer's numbers become.
  package enum Head: Sendable {
    /// Logits of the next token: a map of its own, or the matrix of token embeddings where it is nil.
    case nextToken(Map?)
    /// Logits of a text's labels: of its first token's numbers a map and tanh, then another map. Either may be
    /// absent from a checkpoint.
    case labels(dense: Map, densePart: ExpectedTensor.Part, output: Map)
  }

  package let embeddings: Embeddings
  /// Whether layers normalize what their parts read, rather than what they have added up.
  package let normalizesFirst: Bool
  /// Whether normalizations take off the mean and add a shift.
  package let centersNorms: Bool
  /// Whether a token sees only those before it, and itself.
  package let isCausal: Bool
  /// The layers by number.
  package let layer: @Sendable (Int) -> Layer
  /// What the last layer's numbers are normalized by.
  package let finalNorm: Norm?
  /// What they become.
  package let head: Head
  /// A map that checkpoints may have and nothing here uses.
  package var unusedPooler: Map? = nil
}

extension Architecture {
  /// The tensors outside of layers.
  var tensors: [ExpectedTensor] {
    let embeddings =
      [embeddings.tokens, embeddings.positions, embeddings.types].compactMap(\.self)
      + (embeddings.norm.map(tensors) ?? [])
    let heads: [ExpectedTensor] =
      switch head {
      case .nextToken(let map): map.map { $0.tensors() } ?? []
      case .labels(let dense, let part, let output):
        dense.tensors(part: part) + output.tensors(part: .classifier)
      }
    return embeddings + (finalNorm.map(tensors) ?? [])
      + (unusedPooler.map { $0.tensors(part: .pooler) } ?? []) + heads
  }

  /// The maps of the head of labels; none for models of the next token.
  var headMaps: [Map] {
    if case .labels(let dense, _, let output) = head { [dense, output] } else { [] }
  }

  /// The names of all tensors that are computed with.
  func tensorNames(layers: Int) -> [String] {
    (tensors + (0..<layers).flatMap { tensors(layer: $0) }).map(\.name)
      .filter { name in unusedPooler.map { !name.hasPrefix("\($0.name).") } ?? true }
  }

  /// The tensors of one layer.
  func tensors(layer index: Int) -> [ExpectedTensor] {
    let layer = layer(index)
    return tensors(layer.attentionNorm) + layer.maps.flatMap { $0.tensors() }
      + tensors(layer.feedForwardNorm)
  }

  private func tensors(_ norm: Norm) -> [ExpectedTensor] {
    let weight = ExpectedTensor("\(norm.name).weight", [norm.size])
    return centersNorms ? [weight, ExpectedTensor("\(norm.name).bias", [norm.size])] : [weight]
  }
}

extension Architecture.Map {
  /// The matrix, and the bias if there is one.
  func tensors(part: ExpectedTensor.Part = .body) -> [ExpectedTensor] {
    let shape = isStoredTransposed ? [inputs, outputs] : [outputs, inputs]
    let weight = ExpectedTensor("\(name).weight", shape, part: part)
    return hasBias ? [weight, ExpectedTensor("\(name).bias", [outputs], part: part)] : [weight]
  }
}
