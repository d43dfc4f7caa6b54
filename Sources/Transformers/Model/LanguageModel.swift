internal import Foundation
import LinearAlgebra

/// A language model with an adapter: its answers to texts, and their gradients by what the adapter trains.
///
/// Weights are frozen and used in single precision. Texts go through in batches without padding, several batches at a
/// time on the machine's cores; what a text gives does not depend on the number of threads.
///
///     let checkpoint = try Checkpoint(opening: folder)
///     let model = try LanguageModel(checkpoint, adapter: adapter)
///     let losses = try model.losses(of: texts)
public struct LanguageModel: Sendable {
  /// Where the weights are.
  public let checkpoint: Checkpoint
  /// What is trained beside them.
  public package(set) var adapter: Adapter {
    didSet { transformer.adapter = AdapterParameters(adapter) }
  }
  /// The share of what pairs of low rank read that is dropped in training, from 0 up to below 1.
  public var adapterDropout = 0.0
  /// Whether training drops numbers in the layers below the first with an adapter as well.
  ///
  /// PyTorch does so in training, at the rates of the checkpoint's configuration. Where it does not, these layers are as
  /// they are when the model is asked, and a text goes through them once for all trainings of a ``FineTunedModel``.
  public var dropsFrozenLayers = true
  /// How the losses of a text's predicted tokens become one in training.
  public var trainingReduction = TokenReduction.mean
  /// How many labels texts may have; nil for models that predict tokens.
  public let labelCount: Int?
  private(set) var transformer: Transformer<Float>

  /// Prepares a model.
  ///
  /// - Parameters:
  ///   - checkpoint: The weights.
  ///   - adapter: What is trained, made or opened for this checkpoint.
  ///   - keepsWeights: Whether all weights are kept in single precision: 4 bytes for each. Otherwise each layer's are
  ///     converted whenever a batch of texts comes to it.
  /// - Throws: ``TransformerError``, where a head of labels is missing say.
  /// - Complexity: O(weights) where they are kept.
  public init(_ checkpoint: Checkpoint, adapter: Adapter, keepsWeights: Bool = true) throws {
    let configuration = checkpoint.configuration
    let architecture = checkpoint.family.architecture(configuration)
    let names = keepsWeights ? architecture.tensorNames(layers: configuration.layerCount) : []
    self.checkpoint = checkpoint
    self.adapter = adapter
    transformer = Transformer(
      configuration: configuration, architecture: architecture,
      weights: try ModelWeights(checkpoint, keeping: names.filter(checkpoint.has)),
      adapter: AdapterParameters(adapter))
    labelCount = try transformer.labelHead()?.output.weight.rows
    guard labelCount != 1 else {
      throw TransformerError.unsupported(
        path: checkpoint.url.path, key: "num_labels", found: "1", supported: "2 and more")
    }
    try transformer.check(adapter)
  }

  /// Keeps what enters the first layer with an adapter, for every text that the model is given from now on; copies of
  /// the model keep it together.
  mutating func keepFrozenStates(mostBytes: Int) {
    transformer.frozenStates = FrozenStates(mostBytes: mostBytes)
  }

  /// What is kept so; nil where nothing is.
  package var frozenStates: FrozenStates<Float>? { transformer.frozenStates }

  /// Refuses texts that the model cannot take.
  ///
  /// - Throws: ``TextError``, of the first such text.
  public func check(_ texts: [TokenSequence]) throws(TextError) {
    let labels = labelCount
    for (row, text) in texts.enumerated() {
      try checkTokens(text, row: row)
      switch (text.goal, labels) {
      case (.label(let label), let labels?):
        guard label >= 0, label < labels else {
          throw .labelOutOfRange(row: row, label: label, count: labels)
        }
      case (.tokens, nil):
        guard text.predictedCount > 0 else { throw .nothingPredicted(row: row) }
      case (.label, nil): throw .wrongGoal(row: row, expected: "tokens to predict")
      case (.tokens, _): throw .wrongGoal(row: row, expected: "a label")
      }
    }
  }

  /// Refuses tokens that the model cannot take.
  func checkTokens(_ text: TokenSequence, row: Int) throws(TextError) {
    let sizes = transformer.configuration
    let longest = checkpoint.longestText
    guard !text.tokens.isEmpty else { throw .empty(row: row) }
    guard text.tokens.count <= longest else {
      throw .tooLong(row: row, tokens: text.tokens.count, most: longest)
    }
    if let id = text.tokens.first(where: { $0 < 0 || $0 >= sizes.vocabularySize }) {
      throw .idOutOfRange(row: row, kind: "token", id: id, count: sizes.vocabularySize)
    }
    guard text.types.isEmpty || text.types.count == text.tokens.count else {
      throw .typesDoNotFit(row: row, types: text.types.count, tokens: text.tokens.count)
    }
    if sizes.tokenTypeCount > 0,
      let type = text.types.first(where: { $0 < 0 || $0 >= sizes.tokenTypeCount })
    {
      throw .idOutOfRange(row: row, kind: "token type", id: type, count: sizes.tokenTypeCount)
    }
  }

  /// Cosines and sines for texts of up to so many tokens; nil for models that do not turn by positions.
  func rotation(for texts: [TokenSequence]) -> RotationTable<Float>? {
    transformer.rotation(positions: texts.lazy.map(\.tokens.count).max() ?? 0)
  }
}
