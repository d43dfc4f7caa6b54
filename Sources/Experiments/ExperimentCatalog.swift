/// The experiments by name.
package enum ExperimentCatalog {
  /// All of them, in the order in which lists show them.
  package static let all: [any Experiment.Type] = [
    ApproximationError.self, MislabelledData.self, Cost.self, SyntheticInfluence.self,
    FairnessRobustness.self, AdversarialDefence.self, SelectedData.self,
    InnerProductEnsemble.self, LeaveOneOutAgreement.self, NetworkTruth.self,
    InfluentialSubsets.self, OutlierGradients.self, LeastDisagreement.self,
  ]

  /// The experiment of a name; nil where there is none.
  package static func experiment(_ kind: String) -> (any Experiment.Type)? {
    all.first { $0.kind == kind }
  }
}
