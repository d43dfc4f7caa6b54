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

  package static func tensors(_ configuration: ModelConfiguration) -> [ExpectedTensor] {
    let hidden = configuration.hiddenSize
    return embeddings(configuration, prefix: prefix)
      + ExpectedTensor.linear("bert.pooler.dense", from: hidden, to: hidden, part: .pooler)
      + ExpectedTensor.linear(
        "classifier", from: hidden, to: configuration.labels.count, part: .classifier)
  }

  package static func tensors(
    _ configuration: ModelConfiguration, layer: Int
  ) -> [ExpectedTensor] {
    encoderLayer(configuration, prefix: "bert.encoder.layer.\(layer).")
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
      hasAttentionOutputBias: true, hasFeedForwardBias: true, labels: try keys.labels(),
      specialTokens: try SpecialTokens(keys, vocabularySize: vocabulary))
  }

  static func embeddings(
    _ configuration: ModelConfiguration, prefix: String
  ) -> [ExpectedTensor] {
    let hidden = configuration.hiddenSize
    let embeddings = "\(prefix)embeddings."
    return [
      ExpectedTensor(
        embeddings + "word_embeddings.weight", [configuration.vocabularySize, hidden]),
      ExpectedTensor(
        embeddings + "position_embeddings.weight", [configuration.positionCount, hidden]),
      ExpectedTensor(
        embeddings + "token_type_embeddings.weight", [configuration.tokenTypeCount, hidden]),
    ] + ExpectedTensor.norm(embeddings + "LayerNorm", hidden)
  }

  static func encoderLayer(
    _ configuration: ModelConfiguration, prefix: String
  ) -> [ExpectedTensor] {
    let hidden = configuration.hiddenSize
    let inner = configuration.intermediateSize
    return ["query", "key", "value"].flatMap {
      ExpectedTensor.linear("\(prefix)attention.self.\($0)", from: hidden, to: hidden)
    } + ExpectedTensor.linear("\(prefix)attention.output.dense", from: hidden, to: hidden)
      + ExpectedTensor.norm("\(prefix)attention.output.LayerNorm", hidden)
      + ExpectedTensor.linear("\(prefix)intermediate.dense", from: hidden, to: inner)
      + ExpectedTensor.linear("\(prefix)output.dense", from: inner, to: hidden)
      + ExpectedTensor.norm("\(prefix)output.LayerNorm", hidden)
  }
}
