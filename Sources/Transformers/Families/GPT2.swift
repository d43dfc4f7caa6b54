import TensorFiles

/// GPT-2: a decoder of learned positions, whose layers normalize before they compute.
///
/// Its linear maps are stored as in × out: the result is x · W + b.
package enum GPT2: ModelFamily {
  package static let name = "gpt2"
  package static let modelTypes = ["gpt2"]
  package static let architectures = ["GPT2Model", "GPT2LMHeadModel"]
  package static let prefix = "transformer."
  package static let headNames = ["lm_head.", "score."]

  package static let gguf: GGUFLayout? = GGUFLayout(
    architecture: "gpt2",
    keys: [
      "n_embd": "embedding_length", "n_layer": "block_count", "n_head": "attention.head_count",
      "n_positions": "context_length", "n_inner": "feed_forward_length",
      "layer_norm_epsilon": "attention.layer_norm_epsilon", "vocab_size": "vocab_size",
    ],
    constants: ["activation_function": "gelu_new"],
    names: [
      "token_embd": "transformer.wte", "position_embd": "transformer.wpe",
      "output_norm": "transformer.ln_f", "output": "lm_head",
    ],
    layerPrefix: "transformer.h.",
    layerNames: [
      "attn_norm": "ln_1", "attn_qkv": "attn.c_attn", "attn_output": "attn.c_proj",
      "ffn_norm": "ln_2", "ffn_up": "mlp.c_fc", "ffn_down": "mlp.c_proj",
    ],
    transposed: ["attn_qkv", "attn_output", "ffn_up", "ffn_down"])

  package static func configuration(_ keys: ConfigurationKeys) throws -> ModelConfiguration {
    try keys.require("scale_attn_weights", toBe: true)
    try keys.require("scale_attn_by_inverse_layer_idx", toBe: false)
    try keys.require("add_cross_attention", toBe: false)
    let attention = try AttentionSizes(keys, hiddenKey: "n_embd", headsKey: "n_head")
    let vocabulary = try keys.count("vocab_size")
    return ModelConfiguration(
      family: name, hiddenSize: attention.hidden, layerCount: try keys.count("n_layer"),
      headCount: attention.heads, keyValueHeadCount: attention.heads,
      headSize: try attention.equalHeadSize(),
      intermediateSize: try keys.count("n_inner", default: 4 * attention.hidden),
      vocabularySize: vocabulary, positionCount: try keys.count("n_positions"), tokenTypeCount: 0,
      normEpsilon: try keys.positive("layer_norm_epsilon"),
      activation: try keys.activation("activation_function"), rotary: nil,
      tiesHead: try keys.flag("tie_word_embeddings", default: true), hasAttentionBias: true,
      hasAttentionOutputBias: true, hasFeedForwardBias: true, labels: [],
      specialTokens: try SpecialTokens(keys, vocabularySize: vocabulary))
  }

  package static func tensors(_ configuration: ModelConfiguration) -> [ExpectedTensor] {
    let hidden = configuration.hiddenSize
    let vocabulary = configuration.vocabularySize
    let head = ExpectedTensor.linear("lm_head", from: hidden, to: vocabulary, bias: false)
    return [
      ExpectedTensor("transformer.wte.weight", [vocabulary, hidden]),
      ExpectedTensor("transformer.wpe.weight", [configuration.positionCount, hidden]),
    ] + ExpectedTensor.norm("transformer.ln_f", hidden) + (configuration.tiesHead ? [] : head)
  }

  package static func tensors(
    _ configuration: ModelConfiguration, layer: Int
  ) -> [ExpectedTensor] {
    let hidden = configuration.hiddenSize
    let inner = configuration.intermediateSize
    let layer = "transformer.h.\(layer)."
    func map(_ name: String, from input: Int, to output: Int) -> [ExpectedTensor] {
      [
        ExpectedTensor("\(layer)\(name).weight", [input, output]),
        ExpectedTensor("\(layer)\(name).bias", [output]),
      ]
    }
    return ExpectedTensor.norm("\(layer)ln_1", hidden)
      + map("attn.c_attn", from: hidden, to: 3 * hidden)
      + map("attn.c_proj", from: hidden, to: hidden)
      + ExpectedTensor.norm("\(layer)ln_2", hidden)
      + map("mlp.c_fc", from: hidden, to: inner) + map("mlp.c_proj", from: inner, to: hidden)
  }
}
