import Foundation
package import LinearAlgebra

/// A model that can be computed: frozen weights with an adapter beside them.
package struct Transformer<Element: Scalar>: Sendable {
  let configuration: ModelConfiguration
  let architecture: Architecture
  let weights: ModelWeights<Element>
  var adapter: AdapterParameters<Element>
  /// What enters the first layer with something of the adapter, by text; nothing is kept without it.
  package var frozenStates: FrozenStates<Element>?

  package init(
    configuration: ModelConfiguration, architecture: Architecture, weights: ModelWeights<Element>,
    adapter: AdapterParameters<Element>
  ) {
    self.configuration = configuration
    self.architecture = architecture
    self.weights = weights
    self.adapter = adapter
  }

  /// The first layer of which a gradient is taken; as many as there are layers where none is.
  var firstTrainedLayer: Int {
    (0..<configuration.layerCount).first { index in
      architecture.layer(index).maps.contains {
        let pair = adapter.pair($0.name, site: 0)
        return pair?.downBlock != nil || pair?.upBlock != nil
      }
    } ?? configuration.layerCount
  }

  /// Refuses an adapter of another model.
  ///
  /// - Throws: ``AdapterError/otherModel(path:tensor:family:)``.
  func check(_ adapter: Adapter) throws(AdapterError) {
    let maps = Dictionary(
      (architecture.headMaps
        + (0..<configuration.layerCount).flatMap { architecture.layer($0).maps })
        .map { ($0.name, $0) }
    ) { first, _ in first }
    let heads = Set(architecture.headMaps.flatMap { ["\($0.name).weight", "\($0.name).bias"] })
    let other =
      adapter.modules.first { module in
        guard let map = maps[module.name] else { return true }
        return map.inputs != module.inputs
          || map.outputs != module.outputs && !heads.contains("\(map.name).weight")
      }?.name ?? adapter.tensors.first { !heads.contains($0.name) }?.name
    if let other {
      throw .otherModel(
        path: weights.checkpoint.url.path, tensor: other, family: configuration.family)
    }
  }

  /// Cosines and sines of so many positions; nil for models that do not turn by them.
  package func rotation(positions: Int) -> RotationTable<Element>? {
    configuration.rotary.map {
      RotationTable(
        frequencies: $0.frequencies(headSize: configuration.headSize), positions: positions)
    }
  }

  // MARK: - Pieces

  package func layer(_ index: Int) throws -> TransformerLayer<Element> {
    let names = architecture.layer(index)
    let sites = Dictionary(uniqueKeysWithValues: names.maps.enumerated().map { ($1.name, $0) })
    func map(_ map: Architecture.Map) throws -> LinearMap<Element> {
      try linear(map, site: DropoutSite.pair(layer: index, map: sites[map.name] ?? 0))
    }
    let projections: Attention<Element>.Projections =
      switch names.projections {
      case .separate(let query, let key, let value):
        .separate(query: try map(query), key: try map(key), value: try map(value))
      case .joined(let joined): .joined(try map(joined))
      }
    return TransformerLayer(
      normalizesFirst: architecture.normalizesFirst,
      attentionNorm: try normalization(names.attentionNorm),
      attention: Attention(
        projections: projections, output: try map(names.attentionOutput),
        core: AttentionCore(
          headCount: configuration.headCount,
          keyValueHeadCount: configuration.keyValueHeadCount, headSize: configuration.headSize,
          isCausal: architecture.isCausal, layer: index, longest: configuration.positionCount)),
      feedForwardNorm: try normalization(names.feedForwardNorm),
      feedForward: FeedForward(
        gate: try names.gate.map(map), up: try map(names.up), down: try map(names.down),
        activation: configuration.activation.function),
      index: index)
  }

  package func embeddings() throws -> TokenEmbeddings<Element> {
    let names = architecture.embeddings
    let weights = weights
    return TokenEmbeddings(
      tokens: { try weights.rows(of: names.tokens.name, $0) },
      positions: try names.positions.map { try weights.matrix($0.name) },
      firstPosition: names.firstPosition,
      types: try names.types.map { try weights.matrix($0.name) },
      norm: try names.norm.map(normalization))
  }

  package func finalNorm() throws -> Normalization<Element>? {
    try architecture.finalNorm.map(normalization)
  }

  /// The head of the next token; nil for classifiers.
  package func nextTokenHead() throws -> NextTokenHead<Element>? {
    guard case .nextToken(let map) = architecture.head else { return nil }
    let name = map.map { "\($0.name).weight" } ?? architecture.embeddings.tokens.name
    return NextTokenHead(weight: try weights.matrix(name))
  }

  /// The head of labels; nil for models of the next token.
  ///
  /// - Throws: ``TransformerError/noHead(path:tensor:)`` where neither checkpoint nor adapter has one.
  package func labelHead() throws -> LabelHead<Element>? {
    guard case .labels(let dense, let part, let output) = architecture.head else { return nil }
    for name in [dense, output].map({ "\($0.name).weight" })
    where adapter.tensor(name) == nil && !weights.checkpoint.has(name) {
      throw TransformerError.noHead(path: weights.checkpoint.url.path, tensor: name)
    }
    let site = DropoutSite.pair(layer: configuration.layerCount, map: 0)
    return LabelHead(
      dense: try linear(dense, site: site), output: try linear(output, site: site + 1),
      dropsInput: part == .classifier)
  }

  private func linear(_ map: Architecture.Map, site: Int) throws -> LinearMap<Element> {
    let weightName = "\(map.name).weight"
    let biasName = "\(map.name).bias"
    let weight = adapter.tensor(weightName)
    let bias = adapter.tensor(biasName)
    return LinearMap(
      weight: try weight?.values ?? weights.matrix(weightName),
      isStoredTransposed: map.isStoredTransposed,
      bias: try bias?.values.elements ?? (map.hasBias ? weights.vector(biasName) : []),
      pair: adapter.pair(map.name, site: site), weightBlock: weight?.block,
      biasBlock: bias?.block)
  }

  private func normalization(_ norm: Architecture.Norm) throws -> Normalization<Element> {
    Normalization(
      gain: try weights.vector("\(norm.name).weight"),
      shift: architecture.centersNorms ? try weights.vector("\(norm.name).bias") : [],
      isCentered: architecture.centersNorms, epsilon: Element(configuration.normEpsilon))
  }
}

extension ModelActivation {
  fileprivate var function: RowActivation {
    switch self {
    case .gelu: .gelu
    case .geluTanh: .geluTanh
    case .silu: .silu
    case .relu: .relu
    }
  }
}
