package enum ExperimentCatalog {
  package static let all: [any Experiment.Type] = [
    ApproximationError.self, MislabelledData.self, Cost.self, SyntheticInfluence.self,
    FairnessRobustness.self, AdversarialDefence.self, SelectedData.self,
    InnerProductEnsemble.self, LeaveOneOutAgreement.self, NetworkTruth.self,
    InfluentialSubsets.self, OutlierGradients.self, LeastDisagreement.self,
    LoRAClassification.self, LoRAGeneration.self, SelectedTexts.self, TextTruth.self,
    MemoryAndTime.self, LanguageEnsemble.self,
  ]

  package static func experiment(_ kind: String) -> (any Experiment.Type)? {
    all.first { $0.kind == kind }
  }
}
