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

  package static func architecture(_ c: ModelConfiguration) -> Architecture {
    func map(_ name: String, to outputs: Int) -> Architecture.Map {
      Architecture.Map(name, from: c.hiddenSize, to: outputs)
    }
    var architecture = BERT.encoder(
      c, prefix: prefix, firstPosition: (c.specialTokens.padding ?? 1) + 1,
      head: .labels(
        dense: map("classifier.dense", to: c.hiddenSize), densePart: .classifier,
        output: map("classifier.out_proj", to: c.labels.count)))
    architecture.unusedPooler = map("roberta.pooler.dense", to: c.hiddenSize)
    return architecture
  }
}
