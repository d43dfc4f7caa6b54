public import Foundation
public import Gradients
internal import LinearAlgebra
public import TensorFiles

extension LanguageModel {
  /// How gradients of texts are taken and kept.
  public struct StoreSettings: Sendable {
    /// What is differentiated.
    public var measure = AnswerMeasure.loss
    /// How a text's predicted tokens become one number.
    public var reduction = TokenReduction.mean
    /// How numbers are stored.
    public var elementType = ElementType.float32
    /// The most tokens that a core takes at a time, or one text.
    public var batchTokens = 512
    /// What is dropped, for a member of an ensemble; nothing unless given.
    public var dropout: DropoutStream?
    /// The most texts that a core takes at a time.
    public var batchTexts = Int.max
    /// The share of what pairs of low rank read that is dropped in a member of an ensemble, from 0 up to below 1.
    public var dropoutRate = 0.0
    /// What is written beside the gradients.
    public var companions = StoreCompanions()
    /// What the optimizer knew of the adapter's parameters when it was trained, which is written beside gradients of
    /// the loss; nil where that is not known.
    public var optimizer: OptimizerMoments?
    /// What the manifest remembers: model, data, anything.
    public var provenance: [String: String] = [:]

    /// The settings of a plain store of losses' gradients.
    public init() {}
  }

  /// What a store knows of its examples beside gradients.
  public struct StoredTexts: Sendable {
    /// A name for each.
    public var ids: [String]
    /// The text of each, to be shown beside scores; nil leaves texts out.
    public var texts: [String]?
    /// The name of each one's class; nil where there are none.
    public var labels: [String]?

    /// Collects them.
    public init(ids: [String], texts: [String]? = nil, labels: [String]? = nil) {
      self.ids = ids
      self.texts = texts
      self.labels = labels
    }
  }

  /// Writes the gradients of texts as a store, with their ids, texts, labels and losses.
  ///
  /// Rows are committed as they are made. A store that an interrupted call left is gone on with: the rows that it
  /// holds are not computed again. What lies beside the gradients is computed of all texts and written whole, before
  /// the store counts as complete. A complete store keeps its gradients, and what lies beside them is computed anew.
  ///
  /// - Parameters:
  ///   - sequences: Texts that fit the model.
  ///   - examples: As many.
  ///   - folder: Where to: nothing, an empty folder, or what an interrupted call with the same settings left.
  ///   - settings: What is differentiated, and how it is kept.
  ///   - progress: Called with what is computed, and the share of it that is done.
  /// - Returns: How many rows the store already had.
  /// - Throws: ``TextError``, `GradientStoreError`, or an error of a file.
  /// - Complexity: 4 operations for each weight and token; see
  ///   ``forEachGradientBatch(of:from:measure:reduction:batchTokens:batchTexts:dropout:dropoutRate:_:)``.
  @discardableResult
  public func writeGradients(
    of sequences: [TokenSequence], _ examples: StoredTexts, to folder: URL,
    settings: StoreSettings = StoreSettings(),
    progress: ((_ what: String, _ share: Double) -> Void)? = nil
  ) throws -> Int {
    precondition(
      examples.ids.count == sequences.count
        && examples.texts.map { $0.count == sequences.count } ?? true
        && examples.labels.map { $0.count == sequences.count } ?? true,
      "ids, texts and labels are as many as the texts of the model")
    try check(sequences)
    let writer = try GradientStoreWriter(
      continuing: folder, layout: adapter.gradientLayout, elementType: settings.elementType,
      provenance: settings.provenance)
    let done = writer.count
    guard done <= sequences.count else {
      throw GradientStoreError.notResumable(
        path: folder.path, reason: "it holds \(done) rows for \(sequences.count) texts")
    }
    var lastCommit = ContinuousClock.now
    try forEachGradientBatch(
      of: sequences, from: done, measure: settings.measure, reduction: settings.reduction,
      batchTokens: settings.batchTokens, batchTexts: settings.batchTexts, dropout: settings.dropout,
      dropoutRate: settings.dropoutRate
    ) { rows, blocks, values in
      try writer.append(
        blocks, ids: Array(examples.ids[rows]), losses: values,
        texts: examples.texts.map { Array($0[rows]) },
        labels: examples.labels.map { Array($0[rows]) })
      if ContinuousClock.now - lastCommit > .seconds(5) {
        try writer.commit()
        lastCommit = .now
      }
      progress?("gradients", Double(rows.upperBound) / Double(sequences.count))
    }
    try writer.commit()
    try writeCompanions(of: sequences, to: folder, settings: settings, progress: progress)
    try writer.finish()
    return done
  }
}
