import TensorFiles

/// BERT: an encoder of learned positions and token types, whose layers normalize what they have added up.
package enum BERT: ModelFamily {
  package static let name = "bert"
  package static let modelTypes = ["bert"]
  package static let architectures = [
    "BertModel", "BertForMaskedLM", "BertForPreTraining", "BertForSequenceClassification",
  ]
  package static let prefix = "bert."
  package static let headNames = ["classifier.", "cls."]

  package static let gguf: GGUFLayout? = GGUFLayout(
    architecture: "bert",
    keys: GGUFLayout.commonKeys.merging([
      "layer_norm_eps": "attention.layer_norm_epsilon"
    ]) { _, new in new },
    constants: ["hidden_act": "gelu"],
    // RoBERTa is stored as this architecture too, with positions that are not those of its configuration.
    tokenizers: ["bert"],
    names: [
      "token_embd": "bert.embeddings.word_embeddings",
      "position_embd": "bert.embeddings.position_embeddings",
      "token_types": "bert.embeddings.token_type_embeddings",
      "token_embd_norm": "bert.embeddings.LayerNorm",
    ],
    layerPrefix: "bert.encoder.layer.",
    layerNames: [
      "attn_q": "attention.self.query", "attn_k": "attention.self.key",
      "attn_v": "attention.self.value", "attn_output": "attention.output.dense",
      "attn_output_norm": "attention.output.LayerNorm", "ffn_up": "intermediate.dense",
      "ffn_down": "output.dense", "layer_output_norm": "output.LayerNorm",
    ])

  package static func configuration(_ keys: ConfigurationKeys) throws -> ModelConfiguration {
    try encoder(keys, family: name)
  }

  package static func architecture(_ c: ModelConfiguration) -> Architecture {
    encoder(
      c, prefix: prefix, firstPosition: 0,
      head: .labels(
        dense: Architecture.Map("bert.pooler.dense", from: c.hiddenSize, to: c.hiddenSize),
        densePart: .pooler,
        output: Architecture.Map("classifier", from: c.hiddenSize, to: c.labels.count)))
  }

  // MARK: - What RoBERTa shares

  static func encoder(_ keys: ConfigurationKeys, family: String) throws -> ModelConfiguration {
    try keys.require("position_embedding_type", toBe: "absolute")
    try keys.require("is_decoder", toBe: false)
    try keys.require("is_causal", toBe: false)
    try keys.require("add_cross_attention", toBe: false)
    try keys.require("problem_type", toBe: "single_label_classification")
    let attention = try AttentionSizes(keys)
    let vocabulary = try keys.count("vocab_size")
    let hiddenDropout = try keys.rate("hidden_dropout_prob", default: 0.1)
    return ModelConfiguration(
      family: family, hiddenSize: attention.hidden, layerCount: try keys.count("num_hidden_layers"),
      headCount: attention.heads, keyValueHeadCount: attention.heads,
      headSize: try attention.equalHeadSize(),
      intermediateSize: try keys.count("intermediate_size"), vocabularySize: vocabulary,
      positionCount: try keys.count("max_position_embeddings"),
      tokenTypeCount: try keys.count("type_vocab_size"),
      normEpsilon: try keys.positive("layer_norm_eps"),
      activation: try keys.activation("hidden_act"), rotary: nil,
      tiesHead: try keys.flag("tie_word_embeddings", default: true), hasAttentionBias: true,
      hasAttentionOutputBias: true, hasFeedForwardBias: true,
      dropout: ModelDropout(
        embedding: hiddenDropout, hidden: hiddenDropout,
        attention: try keys.rate("attention_probs_dropout_prob", default: 0.1),
        classifier: try keys.rate("classifier_dropout", default: hiddenDropout)),
      labels: try keys.labels(),
      specialTokens: try SpecialTokens(keys, vocabularySize: vocabulary))
  }

  /// An encoder whose tensors' names begin with a prefix.
  ///
  /// - Parameters:
  ///   - firstPosition: The row of a text's first token in the matrix of positions.
  ///   - head: What the last layer's numbers become.
  static func encoder(
    _ c: ModelConfiguration, prefix: String, firstPosition: Int, head: Architecture.Head
  ) -> Architecture {
    let (hidden, inner) = (c.hiddenSize, c.intermediateSize)
    func embedding(_ name: String, _ count: Int) -> ExpectedTensor {
      ExpectedTensor("\(prefix)embeddings.\(name)_embeddings.weight", [count, hidden])
    }
    return Architecture(
      embeddings: Architecture.Embeddings(
        tokens: embedding("word", c.vocabularySize),
        positions: embedding("position", c.positionCount), firstPosition: firstPosition,
        types: embedding("token_type", c.tokenTypeCount),
        norm: Architecture.Norm("\(prefix)embeddings.LayerNorm", hidden)),
      normalizesFirst: false, centersNorms: true, isCausal: false,
      layer: { index in
        func map(_ name: String, from inputs: Int, to outputs: Int) -> Architecture.Map {
          Architecture.Map("\(prefix)encoder.layer.\(index).\(name)", from: inputs, to: outputs)
        }
        func norm(_ name: String) -> Architecture.Norm {
          Architecture.Norm("\(prefix)encoder.layer.\(index).\(name).LayerNorm", hidden)
        }
        return Architecture.Layer(
          attentionNorm: norm("attention.output"),
          projections: .separate(
            query: map("attention.self.query", from: hidden, to: hidden),
            key: map("attention.self.key", from: hidden, to: hidden),
            value: map("attention.self.value", from: hidden, to: hidden)),
          attentionOutput: map("attention.output.dense", from: hidden, to: hidden),
          feedForwardNorm: norm("output"), gate: nil,
          up: map("intermediate.dense", from: hidden, to: inner),
          down: map("output.dense", from: inner, to: hidden))
      },
      finalNorm: nil, head: head)
  }
}
