internal import Gradients

extension LanguageModel {
  /// Trains the adapter, in a random order of the texts in each epoch, with ``adapterDropout`` and the model's own.
  ///
  ///     var model = try LanguageModel(checkpoint, adapter: adapter)
  ///     let epochs = try model.fineTune(on: texts, settings: FineTuningSettings(epochs: 3))
  ///
  /// - Parameters:
  ///   - texts: What is learnt, at least one.
  ///   - weights: What each text's gradient is multiplied by, none negative; all 1 unless given.
  ///   - heldOut: What the model is asked after each epoch and does not learn.
  ///   - settings: Epochs, batches, learning rate.
  ///   - report: Is told after each step how far the training has come.
  /// - Returns: What each epoch came to.
  /// - Throws: ``FineTuningError``, ``TextError`` or `ModelError`; the model is then as it was.
  /// - Complexity: 4 operations for each weight, token and epoch.
  public mutating func fineTune(
    on texts: [TokenSequence], weights: [Double]? = nil, heldOut: [TokenSequence] = [],
    settings: FineTuningSettings = FineTuningSettings(),
    report: ((FineTuningReport) -> Void)? = nil
  ) throws -> [FineTuningEpoch] {
    try trainAdapter(
      on: texts, weights: weights, heldOut: heldOut, settings: settings, report: report
    ).progress.epochs
  }

  /// The same, with all that there is to know of the training.
  @discardableResult
  mutating func trainAdapter(
    on texts: [TokenSequence], weights: [Double]? = nil, heldOut: [TokenSequence] = [],
    settings: FineTuningSettings, report: ((FineTuningReport) -> Void)? = nil
  ) throws -> FineTuning<LanguageModel> {
    for texts in [texts, heldOut] { try check(texts) }
    // All of the adapter is trained, also where gradients will be taken of some of its blocks alone.
    let chosen = adapter.gradientBlocks
    var whole = self
    whole.adapter.gradientBlocks = Array(adapter.layout.blocks.indices)
    var training = try FineTuning(whole, on: texts, weights: weights, settings: settings)
    try training.run(heldOut: heldOut, observers: .init(report: report))
    self = training.model
    adapter.gradientBlocks = chosen
    return training
  }
}
