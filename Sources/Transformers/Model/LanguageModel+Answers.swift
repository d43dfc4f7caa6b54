public import LinearAlgebra

/// What is taken of a model's answer to a text, with p the probability of its label or of a token that it predicts.
public enum AnswerMeasure: String, Sendable, Hashable, CaseIterable {
  /// −log p.
  case loss
  /// log(p / (1 − p)), which TRAK takes (Park et al., 2023).
  case margin
  /// The logit itself.
  case logit

  var ofLogits: LogitMeasure {
    switch self {
    case .loss: .loss
    case .margin: .margin
    case .logit: .logit
    }
  }
}

/// How the measures of a text's predicted tokens become one number.
public enum TokenReduction: String, Sendable, Hashable, CaseIterable {
  /// Their mean, as Hugging Face's models have it for one text.
  case mean
  /// Their sum.
  case sum
}

extension LanguageModel {
  /// Tokens of a batch that is measured: enough for products near their peak, few enough for memory.
  static var batchTokens: Int { TextBatch.mostTokens }

  /// The logits of a text's labels, 1 × labels; or of the token after each place, tokens × vocabulary.
  ///
  /// - Parameter text: Its goal is not looked at.
  /// - Throws: ``TextError``.
  public func logits(of text: TokenSequence) throws -> Matrix<Float> {
    var asked = text
    asked.goal = labelCount == nil ? .tokens(from: 1) : .label(0)
    try checkTokens(asked, row: 0)
    return try transformer.logits(
      TextBatch(texts: [asked], firstToken: 0), rotation: rotation(for: [asked]))
  }

  /// Each text's loss in nats: −log of its label's probability, or of its predicted tokens' probabilities.
  ///
  /// - Throws: ``TextError``.
  public func losses(
    of texts: [TokenSequence], reduction: TokenReduction
  ) throws -> [Double] {
    try measures(.loss, of: texts, reduction: reduction)
  }

  /// Each text's loss in nats, reduced as in training.
  ///
  /// - Throws: ``TextError``.
  public func losses(of texts: [TokenSequence]) throws -> [Double] {
    try losses(of: texts, reduction: trainingReduction)
  }

  /// A measure of each text.
  ///
  /// - Throws: ``TextError``.
  public func measures(
    _ measure: AnswerMeasure, of texts: [TokenSequence], reduction: TokenReduction = .mean,
    progress: (@Sendable (Double) -> Void)? = nil
  ) throws -> [Double] {
    try check(texts)
    let measurement = TextMeasurement(measure: measure.ofLogits, sums: reduction == .sum)
    let rotation = rotation(for: texts)
    let batches = TextBatch.batches(of: texts, mostTokens: Self.batchTokens)
    let values = try Parallelism.map(batches.count) {
      try transformer.measured(batches[$0], measurement, gradients: .none, rotation: rotation)
        .values
    }.flatMap(\.self)
    if let row = values.firstIndex(where: { !$0.isFinite }) {
      throw TextError.notFinite(row: row, what: "the \(measure.rawValue)")
    }
    return values
  }

  /// The class that the model finds most likely for each text, from 0; the first of equal ones.
  ///
  /// - Parameter texts: Their goals are not looked at.
  /// - Throws: ``TextError``; ``TextError/wrongGoal(row:expected:)`` of models that predict tokens.
  public func classes(of texts: [TokenSequence]) throws -> [Int] {
    try labelLogits(of: texts).columnsOfRowMaxima()
  }

  /// The logits of the labels, texts × labels.
  func labelLogits(of texts: [TokenSequence]) throws -> Matrix<Float> {
    guard let labelCount else {
      throw TextError.wrongGoal(row: 0, expected: "tokens to predict")
    }
    let asked = texts.map { TokenSequence(tokens: $0.tokens, types: $0.types, goal: .label(0)) }
    try check(asked)
    let batches = TextBatch.batches(of: asked, mostTokens: Self.batchTokens)
    let logits = try Parallelism.map(batches.count) {
      try transformer.logits(batches[$0], rotation: nil).elements
    }.flatMap(\.self)
    if let place = logits.firstIndex(where: { !$0.isFinite }) {
      throw TextError.notFinite(row: place / labelCount, what: "a logit")
    }
    return Matrix(rows: texts.count, columns: labelCount, elements: logits)
  }

  /// The place of the largest logit, the first of equal ones.
  static func largest(_ logits: [Float], row: Int) throws(TextError) -> Int {
    guard logits.allSatisfy(\.isFinite) else { throw .notFinite(row: row, what: "a logit") }
    return logits.indices.reduce(0) { logits[$1] > logits[$0] ? $1 : $0 }
  }
}
