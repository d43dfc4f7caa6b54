import Foundation
import InfluenceKit
import Reports

/// Splits the scores of a report's cards by token, for stores of a model that is computed here.
struct ReportTokens: Sendable {
  private let opened: ModelTexts
  private let taken: StoredMeasure
  private let curvature: Curvature
  private let queries: GradientStore
  private let train: String

  /// Opens the model, and fits the method whose cards are shaded.
  ///
  /// - Parameters:
  ///   - model: A folder of Hugging Face, or a .gguf file.
  ///   - adapter: The adapter's folder.
  ///   - data: The file of the training texts.
  ///   - texts: Which of its fields they are.
  ///   - request: What the report is made of; its first method is that of the cards.
  ///   - train: Where the training gradients are.
  ///   - memory: The most bytes to work in.
  /// - Throws: ``Failure`` where the store is of another model, adapter or text.
  init(
    model: String, adapter: String, data: String, _ texts: TextDataOptions,
    for request: ReportRequest,
    method: String, train: String, queries: GradientStore, memory: ByteCount?,
    progress: ProgressHandler?
  ) throws {
    opened = try ModelTexts(model: model, adapter: adapter, data: data, texts, memory: memory)
    taken = try StoredMeasure(
      of: request.training, at: train, with: opened, data: data, reduction: texts.lossReduction)
    var options = request.options
    options.certifies = false
    curvature = try Curvature(
      fitting: [EstimatorCatalog.estimator(method)], on: request.training, options: options,
      progress: progress)
    self.queries = queries
    self.train = train
  }

  /// The tokens of some training texts, with their shares of the scores for a query.
  func tokens(
    query: Int, hits: [(example: Int, score: Double)]
  ) throws -> [[QueryPart.Token]] {
    guard !hits.isEmpty else { return [] }
    let directions = try curvature.directions(of: queries[rows: query..<query + 1])
    let found = try opened.model.tokenInfluence(
      of: hits, texts: opened.texts.sequences, along: directions, measure: taken.measure,
      reduction: taken.reduction, batchTokens: opened.memory.batchTokens)
    try TokenReport.requireAgreement(of: found, with: curvature.training, at: train)
    return try found.map { influence in
      let pieces = try opened.tokenizer.pieces(opened.texts.sequences[influence.example].tokens)
      return zip(pieces, influence.shares).map { QueryPart.Token(text: $0, share: $1) }
    }
  }
}
