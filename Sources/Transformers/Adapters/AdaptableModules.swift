/// The modules of a model, by what can be trained of them.
struct AdaptableModules {
  /// The linear maps that can have a pair: those of all layers, and those of a head of labels.
  let maps: [Architecture.Map]
  /// The tensors that can be trained whole: those of a head of labels; none where the model predicts tokens.
  let head: [ExpectedTensor]
  /// The names of all other modules with weights: embeddings, norms, a head of tokens.
  let others: [String]

  /// Takes the modules from the family's architecture.
  ///
  /// - Parameter labelCount: How many labels a head has.
  init(of checkpoint: Checkpoint, labelCount: Int) {
    var configuration = checkpoint.configuration
    configuration.labels = (0..<labelCount).map { "LABEL_\($0)" }
    let architecture = checkpoint.family.architecture(configuration)
    let layers = (0..<configuration.layerCount).map(architecture.layer)
    let layerMaps = layers.flatMap(\.maps)
    let embeddings = architecture.embeddings
    let norms =
      [embeddings.norm, architecture.finalNorm].compactMap(\.self)
      + layers.flatMap { [$0.attentionNorm, $0.feedForwardNorm] }
    let others =
      [embeddings.tokens, embeddings.positions, embeddings.types].compactMap(\.self)
      .map { Self.module(of: $0.name) } + norms.map(\.name)
    switch architecture.head {
    case .labels(let dense, _, let output):
      maps = layerMaps + [dense, output]
      head = dense.tensors() + output.tensors()
      self.others = others
    case .nextToken:
      maps = layerMaps
      head = []
      // A head that is the matrix of embeddings has a name all the same.
      self.others = others + ["lm_head"]
    }
  }

  /// The name of a tensor without its last part, `weight` or `bias`.
  static func module(of tensor: String) -> String {
    tensor.lastIndex(of: ".").map { String(tensor[..<$0]) } ?? tensor
  }
}
