import TensorFiles

/// Llama: a decoder with root-mean-square norms, rotary embeddings, grouped queries and gated feed-forward layers.
///
/// SmolLM2, TinyLlama, Llama 2 and 3 are such models, and Mistral where its sliding window never cuts.
package enum Llama: ModelFamily {
  package static let name = "llama"
  package static let modelTypes = ["llama", "mistral"]
  package static let architectures = [
    "LlamaModel", "LlamaForCausalLM", "MistralModel", "MistralForCausalLM",
  ]
  package static let prefix = "model."
  package static let headNames = ["lm_head.", "score."]
  package static let gguf: GGUFLayout? = layout(architecture: "llama", interleaves: true)

  package static func configuration(_ keys: ConfigurationKeys) throws -> ModelConfiguration {
    let hasAttentionBias = try keys.flag("attention_bias", default: false)
    // Mistral has this window unless its configuration says otherwise, and null says that there is none.
    let isMistral = keys.value("model_type")?.string == "mistral"
    let window = isMistral && !keys.mentions("sliding_window") ? 4096 : nil
    return try decoder(
      keys, family: name, attentionBias: hasAttentionBias, attentionOutputBias: hasAttentionBias,
      feedForwardBias: keys.flag("mlp_bias", default: false),
      window: keys.has("sliding_window") ? keys.count("sliding_window") : window)
  }

  package static func architecture(_ c: ModelConfiguration) -> Architecture {
    let (hidden, inner) = (c.hiddenSize, c.intermediateSize)
    let queries = c.headCount * c.headSize
    let values = c.keyValueHeadCount * c.headSize
    return Architecture(
      embeddings: Architecture.Embeddings(
        tokens: ExpectedTensor("model.embed_tokens.weight", [c.vocabularySize, hidden]),
        positions: nil, firstPosition: 0, types: nil, norm: nil),
      normalizesFirst: true, centersNorms: false, isCausal: true,
      layer: { index in
        let layer = "model.layers.\(index)."
        func attention(_ name: String, _ inputs: Int, _ outputs: Int, bias: Bool)
          -> Architecture.Map
        {
          Architecture.Map("\(layer)self_attn.\(name)", from: inputs, to: outputs, bias: bias)
        }
        func feedForward(_ name: String, _ inputs: Int, _ outputs: Int) -> Architecture.Map {
          Architecture.Map(
            "\(layer)mlp.\(name)", from: inputs, to: outputs, bias: c.hasFeedForwardBias)
        }
        return Architecture.Layer(
          attentionNorm: Architecture.Norm("\(layer)input_layernorm", hidden),
          projections: .separate(
            query: attention("q_proj", hidden, queries, bias: c.hasAttentionBias),
            key: attention("k_proj", hidden, values, bias: c.hasAttentionBias),
            value: attention("v_proj", hidden, values, bias: c.hasAttentionBias)),
          attentionOutput: attention("o_proj", queries, hidden, bias: c.hasAttentionOutputBias),
          feedForwardNorm: Architecture.Norm("\(layer)post_attention_layernorm", hidden),
          gate: feedForward("gate_proj", hidden, inner),
          up: feedForward("up_proj", hidden, inner), down: feedForward("down_proj", inner, hidden))
      },
      finalNorm: Architecture.Norm("model.norm", hidden),
      head: .nextToken(
        c.tiesHead
          ? nil : Architecture.Map("lm_head", from: hidden, to: c.vocabularySize, bias: false)))
  }

  // MARK: - What Qwen2 shares

  /// Reads the configuration of a decoder of this kind.
  ///
  /// - Parameter window: How many tokens back attention looks, if it has a limit.
  static func decoder(
    _ keys: ConfigurationKeys, family: String, attentionBias: Bool, attentionOutputBias: Bool,
    feedForwardBias: Bool, window: Int?
  ) throws -> ModelConfiguration {
    try keys.require("num_local_experts", toBe: 0)
    try keys.require("is_causal", toBe: true)
    let attention = try AttentionSizes(keys)
    let headSize = try attention.rotaryHeadSize()
    try keys.require("rotary_dim", toBe: .integer(headSize))
    try keys.require("value_head_dim", toBe: .integer(headSize))
    let vocabulary = try keys.count("vocab_size")
    let positions = try keys.count("max_position_embeddings")
    if let window, window < positions {
      throw keys.unsupported(
        "sliding_window", found: "\(window)", supported: "none, or the \(positions) positions")
    }
    for layer in keys.value("layer_types")?.array ?? [] where layer.string != "full_attention" {
      throw keys.unsupported(
        "layer_types", found: layer.string ?? layer.kind, supported: "full_attention")
    }
    return ModelConfiguration(
      family: family, hiddenSize: attention.hidden, layerCount: try keys.count("num_hidden_layers"),
      headCount: attention.heads, keyValueHeadCount: try attention.keyValueHeads(),
      headSize: headSize, intermediateSize: try keys.count("intermediate_size"),
      vocabularySize: vocabulary, positionCount: positions, tokenTypeCount: 0,
      normEpsilon: try keys.positive("rms_norm_eps"),
      activation: try keys.activation("hidden_act"),
      rotary: try RotaryEmbedding(keys, headSize: headSize),
      tiesHead: try keys.flag("tie_word_embeddings", default: false),
      hasAttentionBias: attentionBias, hasAttentionOutputBias: attentionOutputBias,
      hasFeedForwardBias: feedForwardBias,
      dropout: ModelDropout(
        embedding: 0, hidden: 0, attention: try keys.rate("attention_dropout", default: 0),
        classifier: 0), labels: [],
      specialTokens: try SpecialTokens(keys, vocabularySize: vocabulary))
  }

  /// How GGUF files hold a decoder of this kind.
  ///
  /// - Parameter interleaves: Whether rows of queries and keys are interleaved: of row pairs (j, j + d/2) in a head of
  ///   size d, which are turned together, the file has the two rows side by side.
  static func layout(architecture: String, interleaves: Bool) -> GGUFLayout {
    GGUFLayout(
      architecture: architecture,
      keys: GGUFLayout.commonKeys.merging([
        "num_key_value_heads": "attention.head_count_kv", "head_dim": "attention.key_length",
        "value_head_dim": "attention.value_length", "rotary_dim": "rope.dimension_count",
        "rms_norm_eps": "attention.layer_norm_rms_epsilon", "rope_theta": "rope.freq_base",
        "sliding_window": "attention.sliding_window", "num_local_experts": "expert_count",
      ]) { _, new in new },
      constants: ["hidden_act": "silu"],
      names: [
        "token_embd": "model.embed_tokens", "output_norm": "model.norm", "output": "lm_head",
      ],
      layerPrefix: "model.layers.",
      layerNames: [
        "attn_norm": "input_layernorm", "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj",
        "attn_v": "self_attn.v_proj", "attn_output": "self_attn.o_proj",
        "ffn_norm": "post_attention_layernorm", "ffn_gate": "mlp.gate_proj",
        "ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj",
      ],
      interleaved: interleaves ? ["attn_q", "attn_k"] : [])
  }
}
