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
      hasAttentionOutputBias: true, hasFeedForwardBias: true,
      dropout: ModelDropout(
        embedding: try keys.rate("embd_pdrop", default: 0.1),
        hidden: try keys.rate("resid_pdrop", default: 0.1),
        attention: try keys.rate("attn_pdrop", default: 0.1), classifier: 0), labels: [],
      specialTokens: try SpecialTokens(keys, vocabularySize: vocabulary))
  }

  package static func architecture(_ c: ModelConfiguration) -> Architecture {
    let (hidden, inner) = (c.hiddenSize, c.intermediateSize)
    return Architecture(
      embeddings: Architecture.Embeddings(
        tokens: ExpectedTensor("transformer.wte.weight", [c.vocabularySize, hidden]),
        positions: ExpectedTensor("transformer.wpe.weight", [c.positionCount, hidden]),
        firstPosition: 0, types: nil, norm: nil),
      normalizesFirst: true, centersNorms: true, isCausal: true,
      layer: { index in
        func map(_ name: String, from inputs: Int, to outputs: Int) -> Architecture.Map {
          Architecture.Map(
            "transformer.h.\(index).\(name)", from: inputs, to: outputs, isStoredTransposed: true)
        }
        return Architecture.Layer(
          attentionNorm: Architecture.Norm("transformer.h.\(index).ln_1", hidden),
          projections: .joined(map("attn.c_attn", from: hidden, to: 3 * hidden)),
          attentionOutput: map("attn.c_proj", from: hidden, to: hidden),
          feedForwardNorm: Architecture.Norm("transformer.h.\(index).ln_2", hidden), gate: nil,
          up: map("mlp.c_fc", from: hidden, to: inner),
          down: map("mlp.c_proj", from: inner, to: hidden))
      },
      finalNorm: Architecture.Norm("transformer.ln_f", hidden),
      head: .nextToken(
        c.tiesHead
          ? nil : Architecture.Map("lm_head", from: hidden, to: c.vocabularySize, bias: false)))
  }
}
