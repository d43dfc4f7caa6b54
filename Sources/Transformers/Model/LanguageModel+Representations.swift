public import Gradients
import LinearAlgebra
import Models

extension LanguageModel {
  /// What the last layer reads of each text, for methods that compare examples by it.
  ///
  /// Of a model of labels it is what the map to the labels reads, tanh(W·h + b) of the first token's h: BERT's pooled
  /// output, and the same of RoBERTa's head. Of a model of tokens it is the mean of h over the places that tokens are
  /// predicted from, h being what the map to the vocabulary reads; these examples have no classes. Means over tokens are
  /// how decoders give embeddings of texts, and how Ivison et al. select data by representations (2025; they weigh later
  /// tokens more). Here only the places that enter the loss count, so that a prompt counts by what it does to the answer.
  ///
  /// - Parameters:
  ///   - texts: n texts that fit the model.
  ///   - penalty: λ, with which a last layer is fitted anew to the features and labels, to its minimum, so that it is a
  ///     sum of representers; none unless given, and none of a model of tokens.
  ///   - batchTokens: The most tokens that a core takes at a time, or one text.
  ///   - batchTexts: The most texts that a core takes at a time.
  ///   - progress: Called with the share of the texts that are done.
  /// - Throws: ``TextError``; an error of the fit.
  /// - Complexity: 2 operations for each weight and token; the fit takes n · D² · c per Newton step,
  ///   D = c · (d + 1) with c labels and d features.
  public func representations(
    of texts: [TokenSequence], fittingHeadWith penalty: Double? = nil, batchTokens: Int = 512,
    batchTexts: Int = .max, progress: ((Double) -> Void)? = nil
  ) throws -> Representations {
    try check(texts)
    let rotation = rotation(for: texts)
    let batches = TextBatch.batches(of: texts, mostTokens: batchTokens, mostTexts: batchTexts)
    let atOnce = 2 * Parallelism.threads
    var elements: [Double] = []
    for first in stride(from: 0, to: batches.count, by: atOnce) {
      let wave = batches[first..<min(batches.count, first + atOnce)]
      let parts = try Parallelism.map(wave.count) { index in
        Matrix<Double>(
          converting: try transformer.representations(
            wave[wave.startIndex + index], rotation: rotation))
      }
      for part in parts { elements += part.elements }
      progress?(Double(wave.last?.texts.endIndex ?? 0) / Double(texts.count))
    }
    let features = Matrix(
      rows: texts.count, columns: elements.count / max(texts.count, 1), elements: elements)
    if let row = features.view.squaredRowNorms().firstIndex(where: { !$0.isFinite }) {
      throw TextError.notFinite(row: row, what: "what the last layer reads")
    }
    guard let labelCount else { return try Representations(unlabelled: features) }
    let labels = texts.map { text in
      if case .label(let label) = text.goal { label } else { 0 }
    }
    guard let penalty else { return try Representations(features: features, labels: labels) }
    return try Representations(
      features: features, labels: labels, classCount: labelCount, fittingHeadWith: penalty)
  }
}
