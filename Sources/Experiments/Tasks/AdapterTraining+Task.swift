internal import InfluenceKit

extension AdapterTraining {
  /// The training of adapters on texts, in which all that is random follows from the seed.
  ///
  /// - Parameters:
  ///   - data: The texts.
  ///   - targets: The maps that get a pair.
  ///   - rank: The rank of the pairs.
  func task(
    on data: LabelledTexts, _ targets: Targets, rank: Int
  ) -> TrainingTask<LabelledTexts, FineTunedModel> {
    TrainingTask(data) { parts, seed, progress in
      try untrained(targets, rank: rank, classCount: data.classCount, seed: seed)
        .trained(on: parts.training, weights: nil, seed: seed) { progress?("training", $0) }
    }
  }

  /// Refuses methods that ask for more than a language model and its gradients give.
  ///
  /// - Throws: ``ExperimentError``.
  static func check(_ methods: [String], _ settings: Settings) throws {
    try HarmScores.check(methods, settings)
    if try PerceptronPlan.firstOfAllLayers(methods) != nil {
      throw settings.invalid(
        "methods", "second derivatives of a language model are too large; leave them out")
    }
  }
}
