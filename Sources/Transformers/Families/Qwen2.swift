/// Qwen2: Llama's decoder with biases of queries, keys and values.
package enum Qwen2: ModelFamily {
  package static let name = "qwen2"
  package static let modelTypes = ["qwen2"]
  package static let architectures = ["Qwen2Model", "Qwen2ForCausalLM"]
  package static let prefix = Llama.prefix
  package static let headNames = Llama.headNames
  package static let gguf: GGUFLayout? = Llama.layout(architecture: "qwen2", interleaves: false)

  package static func configuration(_ keys: ConfigurationKeys) throws -> ModelConfiguration {
    let usesWindow = try keys.flag("use_sliding_window", default: false)
    return try Llama.decoder(
      keys, family: name, attentionBias: true, attentionOutputBias: false, feedForwardBias: false,
      window: usesWindow && keys.has("sliding_window") ? keys.count("sliding_window") : nil)
  }

  package static func architecture(_ configuration: ModelConfiguration) -> Architecture {
    Llama.architecture(configuration)
  }
}
