internal import Foundation
internal import InfluenceKit

/// How an experiment trains adapters of a language model, as its file describes it.
struct AdapterTraining: Sendable {
  /// The linear maps beside which pairs of low rank are put.
  enum Targets: String, CaseIterable, Codable, Sendable {
    case value
    case queryValue = "query-value"
    case all
  }

  /// The settings under `model` of experiments on models with classes.
  static var classifierSettings: [Setting] { settings(for: "a BERT or RoBERTa") }

  /// The settings under `model`.
  ///
  /// - Parameters:
  ///   - families: Which models are taken, as help says it.
  ///   - scale: What pairs are multiplied by unless the file says it.
  static func settings(for families: String, scale: Double = 1) -> [Setting] {
    [
      Setting(
        "model.folder", .path, isRequired: true,
        help: "\(families): a folder of Hugging Face, or a .gguf file"),
      Setting(
        "model.scale", .number(.positive), standard: .number(scale),
        help: "what pairs are multiplied by, alpha / rank"),
      Setting(
        "model.layers", .integer(0...Setting.mostCounted), standard: 0,
        help: "how many layers, from the last, get pairs; 0 for all"),
      Setting(
        "model.dropout", .number(0...0.9), standard: 0.05,
        help: "the share of what pairs read that is dropped in training"),
      Setting.flag(
        "model.frozen-dropout", true,
        help:
          "whether training drops numbers in the layers below the adapters too, as PyTorch does; false trains faster"
      ),
      Setting.count("model.epochs", 5, help: "passes over the training texts"),
      Setting.count("model.batch", 16, help: "texts of one step"),
      Setting(
        "model.learning-rate", .number(.positive), standard: 3e-4,
        help: "the largest learning rate of AdamW"),
    ]
  }

  private struct Options: Decodable {
    let scale: Double
    let layers: Int
    let dropout: Double
    let frozenDropout: Bool
    let epochs: Int
    let batch: Int
    let learningRate: Double
  }

  private let options: Options
  private let checkpoint: Checkpoint

  /// Takes the settings under `model`.
  init(_ settings: Settings, of checkpoint: Checkpoint) {
    options = settings.values(below: "model")
    self.checkpoint = checkpoint
  }

  /// The model with an adapter that changes nothing yet.
  ///
  /// - Parameters:
  ///   - targets: The maps that get a pair.
  ///   - rank: The rank of the pairs.
  ///   - layers: How many layers, from the last, get pairs; as the file says unless given.
  ///   - classCount: The classes that the head tells apart; nil for a model that says the next token.
  ///   - seed: Decides the first numbers of the adapter.
  /// - Throws: `AdapterError` or `TransformerError`.
  func untrained(
    _ targets: Targets, rank: Int, layers: Int? = nil, classCount: Int?, seed: UInt64
  ) throws -> FineTunedModel {
    let names = checkpoint.queryAndValueMaps
    let count = checkpoint.configuration.layerCount
    let adapted = layers ?? options.layers
    let chosen: LoRAConfiguration.Targets =
      switch targets {
      case .value: .names(names.suffix(1))
      case .queryValue: .names(names)
      case .all: .allLinear
      }
    let adapter = try Adapter(
      for: checkpoint,
      configuration: LoRAConfiguration(
        rank: rank, alpha: options.scale * Double(rank), dropout: options.dropout,
        targets: chosen, modulesToSave: checkpoint.missingPooler.map { [$0] } ?? [],
        layers: adapted > 0 ? (max(0, count - adapted)..<count).map(\.self) : nil,
        task: classCount == nil ? .languageModel : .classification),
      labelCount: classCount, seed: seed)
    var model = try LanguageModel(checkpoint, adapter: adapter)
    model.adapterDropout = options.dropout
    model.dropsFrozenLayers = options.frozenDropout
    return FineTunedModel(
      model,
      settings: FineTuningSettings(
        epochs: options.epochs, batchSize: options.batch, learningRate: options.learningRate))
  }
}
