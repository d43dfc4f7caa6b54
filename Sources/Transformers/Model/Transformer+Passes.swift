import LinearAlgebra

/// What is taken of a model's answer to a text.
struct TextMeasurement: Sendable {
  /// Of each row of logits.
  var measure: LogitMeasure = .loss
  /// Whether a text's measure is the sum over its predicted tokens, rather than their mean.
  var sums = false
}

/// What a pass over a batch gave.
struct MeasuredBatch<Element: Scalar> {
  /// The measure of each text.
  let values: [Double]
  /// Of what is trained.
  let gradients: AdapterGradients<Element>?
}

extension Transformer {
  /// Which gradients a pass takes.
  enum GradientKind: Sendable {
    case none, perText
    /// Of Σ weight · measure; a weight for each text.
    case sum(weights: [Double])
  }

  /// The last layer's numbers of each token, normalized where the family does.
  ///
  /// - Returns: tokens × hidden.
  func hiddenStates(_ batch: TextBatch, rotation: RotationTable<Element>?) throws -> Matrix<Element>
  {
    let pass = pass(batch, rotation: rotation, dropout: nil, gradients: nil)
    var x = try embeddings().forward(
      ids: batch.texts.flatMap(\.tokens), typeIDs: typeIDs(batch), pass)
    for index in 0..<configuration.layerCount { x = try layer(index).forward(x, pass).0 }
    if let norm = try finalNorm() { x = norm.forward(x).0 }
    return x
  }

  /// The logits of each text's labels, texts × labels, or of the token after each place of a text, tokens × vocabulary.
  func logits(_ batch: TextBatch, rotation: RotationTable<Element>?) throws -> Matrix<Element> {
    let hidden = try hiddenStates(batch, rotation: rotation)
    if let head = try nextTokenHead() { return head.logits(hidden) }
    guard let head = try labelHead() else { return .zeros(batch.texts.count, 0) }
    var pass = pass(batch, rotation: nil, dropout: nil, gradients: nil)
    let first = hidden.selecting(rows: Array(batch.starts.dropLast()))
    return head.forward(first, pass.movedToTexts()).0
  }

  /// Measures each text, and takes gradients.
  ///
  /// - Parameters:
  ///   - batch: Texts with goals that fit the model.
  ///   - measurement: What is taken of each.
  ///   - kind: Which gradients.
  ///   - rotation: For positions up to the longest text's.
  ///   - dropout: What is dropped, in training.
  /// - Complexity: 2 operations for each weight and token forward and 2 backward.
  func measured(
    _ batch: TextBatch, _ measurement: TextMeasurement, gradients kind: GradientKind,
    rotation: RotationTable<Element>?, dropout: PassDropout? = nil
  ) throws -> MeasuredBatch<Element> {
    var gradients: AdapterGradients<Element>?
    var textWeights = [Double](repeating: 1, count: batch.texts.count)
    switch kind {
    case .none: break
    case .perText:
      gradients = AdapterGradients(layout: adapter.layout, textCount: batch.texts.count)
    case .sum(let weights):
      gradients = AdapterGradients(layout: adapter.layout, textCount: nil)
      textWeights = weights
    }
    let takesGradients = gradients != nil
    var pass = pass(batch, rotation: rotation, dropout: dropout, gradients: gradients)
    gradients = nil
    let layerCount = configuration.layerCount
    let firstTrained = takesGradients ? firstTrainedLayer : layerCount
    var x = try embeddings().forward(
      ids: batch.texts.flatMap(\.tokens), typeIDs: typeIDs(batch), pass)
    var saved: [(layer: TransformerLayer<Element>, saved: TransformerLayer<Element>.Saved)] = []
    for index in 0..<layerCount {
      let layer = try layer(index)
      let (y, kept) = layer.forward(x, pass)
      if index >= firstTrained { saved.append((layer, kept)) }
      x = y
    }
    let norm = try finalNorm()
    let normalized = norm?.forward(x)
    let (values, dHidden) = try headMeasures(
      normalized?.0 ?? x, batch, measurement, weights: textWeights, &pass,
      needsInput: firstTrained < layerCount)
    if var dx = dHidden {
      if let norm, let kept = normalized?.1 {
        var below = Matrix<Element>.zeros(dx.rows, dx.columns)
        norm.backward(dx, kept, addingTo: &below)
        dx = below
      }
      while let (layer, kept) = saved.popLast() {
        guard
          let below = layer.backward(dx, kept, &pass, needsInput: layer.index > firstTrained)
        else { break }
        dx = below
      }
    }
    return MeasuredBatch(values: values, gradients: pass.gradients)
  }

  // MARK: - Heads

  private func headMeasures(
    _ hidden: Matrix<Element>, _ batch: TextBatch, _ measurement: TextMeasurement,
    weights: [Double], _ pass: inout LayerPass<Element>, needsInput: Bool
  ) throws -> (values: [Double], dHidden: Matrix<Element>?) {
    if let head = try nextTokenHead() {
      return nextTokenMeasures(
        head, hidden, batch, measurement, weights: weights, needsInput: needsInput)
    }
    guard let head = try labelHead() else { return ([], nil) }
    var texts = pass.movedToTexts()
    defer { pass.gradients = texts.gradients }
    let rows = Array(batch.starts.dropLast())
    var (logits, saved) = head.forward(hidden.selecting(rows: rows), texts)
    let targets = batch.texts.map { text -> Int32 in
      if case .label(let label) = text.goal { Int32(label) } else { 0 }
    }
    let values = logits.turnIntoGradient(
      of: measurement.measure, targets: targets, weights: weights.map { Element($0) })
    guard texts.gradients != nil else { return (values, nil) }
    guard let dFirst = head.backward(logits, saved, &texts, needsInput: needsInput) else {
      return (values, nil)
    }
    var dHidden = Matrix<Element>.zeros(hidden.rows, hidden.columns)
    for (text, row) in rows.enumerated() {
      dHidden.place(dFirst.view[rows: text..<text + 1], firstRow: row, firstColumn: 0)
    }
    return (values, dHidden)
  }

  /// Each predicted token is said by the numbers of the token before it.
  private func nextTokenMeasures(
    _ head: NextTokenHead<Element>, _ hidden: Matrix<Element>, _ batch: TextBatch,
    _ measurement: TextMeasurement, weights: [Double], needsInput: Bool
  ) -> (values: [Double], dHidden: Matrix<Element>?) {
    var rows: [Int] = []
    var targets: [Int32] = []
    var rowWeights: [Element] = []
    for (index, (text, start)) in zip(batch.texts, batch.starts).enumerated() {
      let count = text.predictedCount
      for place in text.tokens.count - count..<text.tokens.count {
        rows.append(start + place - 1)
        targets.append(Int32(text.tokens[place]))
        rowWeights.append(
          Element(measurement.sums ? weights[index] : weights[index] / Double(count)))
      }
    }
    let measured = head.measures(
      measurement.measure, of: hidden.selecting(rows: rows), targets: targets,
      weights: rowWeights, needsGradient: needsInput)
    var values: [Double] = []
    var row = 0
    for text in batch.texts {
      let count = text.predictedCount
      let sum = measured.values[row..<row + count].reduce(0, +)
      values.append(measurement.sums ? sum : sum / Double(count))
      row += count
    }
    guard let dx = measured.dx else { return (values, nil) }
    var dHidden = Matrix<Element>.zeros(hidden.rows, hidden.columns)
    for (place, row) in rows.enumerated() {
      dHidden.place(dx.view[rows: place..<place + 1], firstRow: row, firstColumn: 0)
    }
    return (values, dHidden)
  }

  // MARK: - Passes

  private func pass(
    _ batch: TextBatch, rotation: RotationTable<Element>?, dropout: PassDropout?,
    gradients: AdapterGradients<Element>?
  ) -> LayerPass<Element> {
    LayerPass(
      starts: batch.starts,
      positions: batch.texts.flatMap { (0..<Int32($0.tokens.count)) }, rotation: rotation,
      dropout: dropout, gradients: gradients, firstText: batch.texts.startIndex)
  }

  private func typeIDs(_ batch: TextBatch) -> [Int] {
    guard architecture.embeddings.types != nil else { return [] }
    return batch.texts.flatMap { text in
      text.types.isEmpty ? Array(repeating: 0, count: text.tokens.count) : text.types
    }
  }
}
