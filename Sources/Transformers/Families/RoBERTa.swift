/// RoBERTa: BERT's encoder with byte-level tokens, positions that count from after the padding's id, and a classifier of
/// two maps.
package enum RoBERTa: ModelFamily {
  package static let name = "roberta"
  package static let modelTypes = ["roberta"]
  package static let architectures = [
    "RobertaModel", "RobertaForMaskedLM", "RobertaForSequenceClassification",
  ]
  package static let prefix = "roberta."
  package static let headNames = ["classifier.", "lm_head."]
  package static let gguf: GGUFLayout? = nil

  package static func configuration(_ keys: ConfigurationKeys) throws -> ModelConfiguration {
    try BERT.encoder(keys, family: name)
  }

  package static func tensors(_ configuration: ModelConfiguration) -> [ExpectedTensor] {
    let hidden = configuration.hiddenSize
    return BERT.embeddings(configuration, prefix: prefix)
      + ExpectedTensor.linear("roberta.pooler.dense", from: hidden, to: hidden, part: .pooler)
      + ExpectedTensor.linear("classifier.dense", from: hidden, to: hidden, part: .classifier)
      + ExpectedTensor.linear(
        "classifier.out_proj", from: hidden, to: configuration.labels.count, part: .classifier)
  }

  package static func tensors(
    _ configuration: ModelConfiguration, layer: Int
  ) -> [ExpectedTensor] {
    BERT.encoderLayer(configuration, prefix: "roberta.encoder.layer.\(layer).")
  }
}
