public import LinearAlgebra

extension LanguageModel {
  /// Gives each text's gradient by the adapter's parameters to `body`, some texts at a time, in order.
  ///
  /// - Parameters:
  ///   - texts: Texts that fit the model.
  ///   - firstRow: The text to begin with.
  ///   - measure: What is differentiated.
  ///   - reduction: How a text's predicted tokens become one number.
  ///   - batchTokens: The most tokens that a core takes at a time, or one text.
  ///   - batchTexts: The most texts that a core takes at a time.
  ///   - dropout: What is dropped, for a member of an ensemble; nothing unless given.
  ///   - dropoutRate: The share of what pairs of low rank read that is dropped then, from 0 up to below 1.
  ///   - body: Called with the rows, the gradients of each block in the order of the adapter's layout of gradients, each
  ///     `rows × width`, and the measures.
  /// - Throws: ``TextError``; whatever `body` throws.
  /// - Complexity: 4 operations for each weight and token; memory for the layers' results of a batch on each core.
  public func forEachGradientBatch(
    of texts: [TokenSequence], from firstRow: Int = 0, measure: AnswerMeasure = .loss,
    reduction: TokenReduction = .mean,
    batchTokens: Int = 512, batchTexts: Int = .max, dropout: DropoutStream? = nil,
    dropoutRate: Double = 0,
    _ body: (_ rows: Range<Int>, _ blocks: [Matrix<Float>], _ values: [Double]) throws -> Void
  ) throws {
    try check(texts)
    let measurement = TextMeasurement(measure: measure.ofLogits, sums: reduction == .sum)
    let rotation = rotation(for: texts)
    let batches = TextBatch.batches(
      of: texts, from: firstRow, mostTokens: batchTokens, mostTexts: batchTexts)
    let atOnce = 2 * Parallelism.threads
    for first in stride(from: 0, to: batches.count, by: atOnce) {
      let wave = batches[first..<min(batches.count, first + atOnce)]
      let measured = try Parallelism.map(wave.count) { index in
        let batch = wave[wave.startIndex + index]
        let measured = try transformer.measured(
          batch, measurement, gradients: .perText, rotation: rotation,
          dropout: dropout.map {
            PassDropout(
              rates: .adapterOnly, adapterRate: dropoutRate, stream: $0, firstRow: batch.firstToken)
          })
        return (values: measured.values, blocks: measured.gradients?.rows ?? [])
      }
      for (batch, result) in zip(wave, measured) {
        if let place = result.values.firstIndex(where: { !$0.isFinite }) {
          throw TextError.notFinite(
            row: batch.texts.startIndex + place, what: "the \(measure.rawValue)")
        }
        try body(batch.texts.indices, result.blocks, result.values)
      }
    }
  }

  /// The gradient of Σ weight · loss by the adapter's parameters, and each text's loss.
  ///
  /// - Parameters:
  ///   - texts: Texts that fit the model, which is not checked again.
  ///   - weights: A weight for each.
  ///   - dropout: The step's random numbers; nothing is dropped unless given.
  /// - Returns: The losses; the gradients in the shapes and the order of the adapter's parameters. The same bits
  ///   whatever the number of threads.
  package func trainingGradient(
    of texts: [TokenSequence], weights: [Double], dropout: DropoutStream?
  ) throws -> (losses: [Double], gradient: [Matrix<Float>]) {
    precondition(
      adapter.gradientBlocks.count == adapter.parameters.count, "training takes all gradients")
    let measurement = TextMeasurement(measure: .loss, sums: trainingReduction == .sum)
    let rotation = rotation(for: texts)
    let total = texts.reduce(0) { $0 + $1.tokens.count }
    // Four parts share the cores; how the sum is cut follows from the texts alone.
    let batches = TextBatch.batches(of: texts, mostTokens: min(max((total + 3) / 4, 64), 512))
    let parts = try Parallelism.map(batches.count) { index in
      let batch = batches[index]
      return try transformer.measured(
        batch, measurement, gradients: .sum(weights: Array(weights[batch.texts.indices])),
        rotation: rotation,
        dropout: dropout.map {
          PassDropout(
            rates: transformer.configuration.dropout, adapterRate: adapterDropout, stream: $0,
            firstRow: batch.firstToken, reachesFrozenLayers: dropsFrozenLayers)
        })
    }
    var sum: AdapterGradients<Float>?
    for part in parts {
      if let gradients = part.gradients, sum?.add(gradients) == nil { sum = gradients }
    }
    let shaped = zip(sum?.rows ?? [], adapter.parameters).map { row, parameter in
      Matrix(rows: parameter.rows, columns: parameter.columns, elements: row.elements)
    }
    return (parts.flatMap(\.values), shaped)
  }
}

extension LanguageModel: TrainableModel {}

extension ModelDropout {
  /// Only what pairs of low rank read is dropped.
  static var adapterOnly: ModelDropout {
    ModelDropout(embedding: 0, hidden: 0, attention: 0, classifier: 0)
  }
}
