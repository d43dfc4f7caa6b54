package import LinearAlgebra

/// What is taken of a model's answer to a text.
package struct TextMeasurement: Sendable {
  /// Of each row of logits.
  var measure: LogitMeasure = .loss
  /// Whether a text's measure is the sum over its predicted tokens, rather than their mean.
  var sums = false
  /// Draws labels and predicted tokens from the model's own answers; nil takes those of the texts.
  var draws: LabelDraws?

  package init(measure: LogitMeasure = .loss, sums: Bool = false, draws: LabelDraws? = nil) {
    self.measure = measure
    self.sums = sums
    self.draws = draws
  }
}

/// What a pass over a batch gave.
package struct MeasuredBatch<Element: Scalar> {
  /// The measure of each text.
  package let values: [Double]
  /// Of what is trained.
  package let gradients: AdapterGradients<Element>?
}

extension Transformer {
  /// Which gradients a pass takes.
  package enum GradientKind: Sendable {
    case none, perText
    /// Of Σ weight · measure; a weight for each text.
    case sum(weights: [Double])
    /// What each token adds to the product of its text's gradient with a direction, given in the layout's blocks.
    case tokenShares(along: [Matrix<Element>])
    /// What the gradients of all texts are products of, token by token.
    case tokenPairs
  }

  /// The last layer's numbers of each token, normalized where the family does.
  ///
  /// - Returns: tokens × hidden.
  package func hiddenStates(
    _ batch: TextBatch, rotation: RotationTable<Element>?, kept: KeptRows? = nil
  ) throws -> Matrix<Element> {
    let pass = pass(batch, rotation: rotation, gradients: nil)
    var (x, first) = try entering(batch, pass)
    for index in first..<configuration.layerCount {
      let isLast = index == configuration.layerCount - 1
      x = try layer(index).forward(x, pass, kept: isLast ? kept : nil).0
    }
    if let norm = try finalNorm() { x = norm.forward(x).0 }
    return x
  }

  /// The logits of each text's labels, texts × labels, or of the token after each place of a text, tokens × vocabulary.
  package func logits(_ batch: TextBatch, rotation: RotationTable<Element>?) throws -> Matrix<
    Element
  > {
    if let head = try nextTokenHead() {
      return head.logits(try hiddenStates(batch, rotation: rotation))
    }
    guard let head = try labelHead() else { return .zeros(batch.texts.count, 0) }
    let pass = pass(batch, rotation: nil, gradients: nil)
    let kept = batch.keptRows
    return head.forward(
      try hiddenStates(batch, rotation: rotation, kept: kept), pass.keeping(kept)
    ).0
  }

  /// What the last layer reads of each text: what the map to its label reads, or the mean over the places that its
  /// tokens are predicted from.
  ///
  /// - Returns: texts × features.
  package func representations(
    _ batch: TextBatch, rotation: RotationTable<Element>?
  ) throws -> Matrix<Element> {
    let kept = batch.keptRows
    let hidden = try hiddenStates(batch, rotation: rotation, kept: kept)
    if let head = try labelHead() {
      let pass = pass(batch, rotation: nil, dropout: nil, gradients: nil)
      return head.pooled(hidden, pass.keeping(kept)).values
    }
    var means = Matrix<Element>.zeros(batch.texts.count, hidden.columns)
    for text in 0..<batch.texts.count {
      let rows = kept.starts[text]..<kept.starts[text + 1]
      let shares = Matrix<Element>(repeating: 1 / Element(rows.count), rows: 1, columns: rows.count)
      means.set(product: shares.view, hidden.view[rows: rows], firstRow: text)
    }
    return means
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
  package func measured(
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
    case .tokenShares(let directions):
      gradients = AdapterGradients(
        layout: adapter.layout, directions: directions, starts: batch.starts)
    case .tokenPairs:
      gradients = AdapterGradients(pairsOf: adapter.layout)
    }
    // Each token counts where means over tokens are taken, also in the last layer.
    let keepsAllRows = gradients?.keepsPairs ?? false
    let takesGradients = gradients != nil
    var pass = pass(
      batch, rotation: rotation, dropout: dropout, gradients: gradients)
    gradients = nil
    let layerCount = configuration.layerCount
    let firstTrained = takesGradients ? firstTrainedLayer : layerCount
    var (x, first) = try entering(batch, pass)
    // Not the layers themselves, whose weights may have been converted for this pass alone.
    var saved: [TransformerLayer<Element>.Saved] = []
    let kept = batch.keptRows
    func keptRows(_ layer: Int) -> KeptRows? {
      layer == layerCount - 1 && !keepsAllRows ? kept : nil
    }
    for index in first..<layerCount {
      let layer = try layer(index)
      let (y, layerSaved) = layer.forward(x, pass, kept: keptRows(index))
      if index >= firstTrained { saved.append(layerSaved) }
      x = y
    }
    let norm = try finalNorm()
    let normalized = norm?.forward(x)
    let made = normalized?.0 ?? x
    let (values, dHidden) = try headMeasures(
      keepsAllRows ? made.selecting(rows: kept.rows) : made, batch, kept, measurement,
      weights: textWeights, &pass,
      needsInput: firstTrained < layerCount)
    if var dx = dHidden {
      if keepsAllRows { dx = dx.spread(to: kept.rows, of: made.rows) }
      if let norm, let normSaved = normalized?.1 {
        var below = Matrix<Element>.zeros(dx.rows, dx.columns)
        norm.backward(dx, normSaved, addingTo: &below)
        dx = below
      }
      while let layerSaved = saved.popLast() {
        let index = firstTrained + saved.count
        guard
          let below = try layer(index).backward(
            dx, layerSaved, &pass, kept: keptRows(index), needsInput: index > firstTrained)
        else { break }
        dx = below
      }
    }
    return MeasuredBatch(values: values, gradients: pass.gradients)
  }

  // MARK: - Heads

  /// Measures what the last layer made of the kept rows.
  private func headMeasures(
    _ hidden: Matrix<Element>, _ batch: TextBatch, _ kept: KeptRows,
    _ measurement: TextMeasurement, weights: [Double], _ pass: inout LayerPass<Element>,
    needsInput: Bool
  ) throws -> (values: [Double], dHidden: Matrix<Element>?) {
    if let head = try nextTokenHead() {
      return nextTokenMeasures(
        head, hidden, batch, measurement, weights: weights, needsInput: needsInput)
    }
    guard let head = try labelHead() else { return ([], nil) }
    let takesGradients = pass.takesGradients
    let labels = batch.texts.map { text -> Int32 in
      if case .label(let label) = text.goal { Int32(label) } else { 0 }
    }
    return pass.lendGradients(to: pass.keeping(kept)) { texts in
      var (logits, saved) = head.forward(hidden, texts)
      let targets =
        measurement.draws.map { logits.drawnColumns($0.uniforms(batch.texts)[...]) } ?? labels
      let values = logits.turnIntoGradient(
        of: measurement.measure, targets: targets, weights: weights.map { Element($0) })
      guard takesGradients else { return (values, nil) }
      return (values, head.backward(logits, saved, &texts, needsInput: needsInput))
    }
  }

  /// Each predicted token is said by the numbers of the token before it.
  private func nextTokenMeasures(
    _ head: NextTokenHead<Element>, _ hidden: Matrix<Element>, _ batch: TextBatch,
    _ measurement: TextMeasurement, weights: [Double], needsInput: Bool
  ) -> (values: [Double], dHidden: Matrix<Element>?) {
    var targets: [Int32] = []
    var rowWeights: [Element] = []
    for (text, weight) in zip(batch.texts, weights) {
      let count = text.predictedCount
      targets += text.tokens.suffix(count).map { Int32($0) }
      rowWeights += repeatElement(
        Element(measurement.sums ? weight : weight / Double(count)), count: count)
    }
    let measured = head.measures(
      measurement.measure, of: hidden, targets: targets,
      draws: measurement.draws?.uniforms(batch.texts), weights: rowWeights,
      needsGradient: needsInput)
    var values: [Double] = []
    var row = 0
    for text in batch.texts {
      let count = text.predictedCount
      let sum = measured.values[row..<row + count].reduce(0, +)
      values.append(measurement.sums ? sum : sum / Double(count))
      row += count
    }
    return (values, measured.dx)
  }

  // MARK: - Passes

  /// What the layers share of a pass over a batch.
  package func pass(
    _ batch: TextBatch, rotation: RotationTable<Element>?, dropout: PassDropout? = nil,
    gradients: AdapterGradients<Element>?
  ) -> LayerPass<Element> {
    LayerPass(
      starts: batch.starts,
      positions: batch.texts.flatMap { (0..<Int32($0.tokens.count)) }, rotation: rotation,
      dropout: dropout, takesGradients: gradients != nil, gradients: gradients)
  }
}
