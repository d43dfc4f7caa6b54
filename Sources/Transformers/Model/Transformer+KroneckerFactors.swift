internal import Algorithms
package import Gradients
package import LinearAlgebra
package import Models

extension Transformer {
  /// The Kronecker factors of every block that is trained, over all tokens of some texts.
  ///
  /// A block is a linear map that reads a of each token and makes y; s is the gradient of the text's loss by that y.
  /// A = mean of a·aᵀ over the tokens, S = Σ s·sᵀ over the tokens, per text: so S ⊗ A is of the size of mean g·gᵀ
  /// with g = Σ s·aᵀ, an example's gradient. (Eschenhagen, Immer, Turner, Schneider and Hennig, "Kronecker-Factored
  /// Approximate Curvature for Modern Neural Network Architectures", 2023: expand.) All tokens of a text count, also
  /// those that only others attend to, as in kronfluence, which leaves out padding alone; its S is a mean over tokens.
  /// Maps of the head of labels read one row of each text.
  ///
  /// With labels that are drawn there are also the eigenvectors of both and Λ = mean (Q_s·g·Q_aᵀ)²; with those of the
  /// data a method takes Λ from the gradients of the store.
  ///
  /// - Parameters:
  ///   - batches: n texts in order, from the first.
  ///   - labels: Whose labels, or predicted tokens.
  ///   - sums: Whether a text's loss is the sum over its predicted tokens, rather than their mean.
  ///   - rotation: For positions up to the longest text's.
  ///   - progress: Called with the share of the passes that is done.
  /// - Returns: Factors of each block, in the layout's order. The same bits on any number of threads.
  /// - Throws: ``TextError/notFinite(row:what:)``; an error of a decomposition.
  /// - Complexity: 4 operations for each weight and token, and p² + q² for each block; twice with labels that are drawn.
  package func kroneckerFactors(
    of batches: [TextBatch], labels: FisherLabels, sums: Bool, rotation: RotationTable<Element>?,
    progress: ((Double) -> Void)? = nil
  ) throws -> [KroneckerFactors] {
    let textCount = batches.last?.texts.endIndex ?? 0
    let measurement = TextMeasurement(sums: sums, draws: LabelDraws(labels))
    let passCount = measurement.draws == nil ? 1.0 : 2.0
    /// Takes all batches through the model, and gives what some of them gave, in order.
    func forEachWave(
      _ kind: GradientKind, from start: Double, _ body: ([AdapterGradients<Element>]) -> Void
    ) throws {
      for wave in batches.chunks(ofCount: Parallelism.threads) {
        let first = wave.startIndex
        let passes = try Parallelism.map(wave.count) {
          try measured(batches[first + $0], measurement, gradients: kind, rotation: rotation)
        }
        for (batch, pass) in zip(wave, passes) {
          if let place = pass.values.firstIndex(where: { !$0.isFinite }) {
            throw TextError.notFinite(row: batch.texts.startIndex + place, what: "the loss")
          }
        }
        body(passes.compactMap(\.gradients))
        let done = Double(wave.last?.texts.endIndex ?? 0) / Double(textCount)
        progress?((start + done) / passCount)
      }
    }
    var moments = adapter.layout.blocks.map(TokenMoments.init)
    try forEachWave(.tokenPairs, from: 0) { passes in
      Parallelism.update(&moments) { block, moment in
        for pass in passes { moment.add(pass.pairs(of: block)) }
      }
    }
    var factors: [KroneckerFactors] = []
    while !moments.isEmpty { factors.append(moments.removeFirst().factors(textCount: textCount)) }
    guard measurement.draws != nil else { return factors }
    factors = try Parallelism.map(factors.count) { [factors] in
      var factor = factors[$0]
      factor.activationBasis = try SymmetricEigendecomposition(decomposing: factor.activations)
        .vectors
      factor.outputBasis = try SymmetricEigendecomposition(decomposing: factor.outputGradients)
        .vectors
      factor.eigenvalues = .zeros(factor.outputGradients.rows, factor.activations.rows)
      return factor
    }
    try forEachWave(.perText, from: 1) { passes in
      let rows = passes.map(\.rows)
      Parallelism.update(&factors) { block, factor in
        for gradients in rows { factor.addSecondMoments(of: gradients[block]) }
      }
    }
    for index in factors.indices { factors[index].eigenvalues?.scale(by: 1 / Double(textCount)) }
    return factors
  }
}

/// Sums over tokens that a block's Kronecker factors are made of.
private struct TokenMoments: Sendable {
  var inputs: SymmetricAccumulator
  var gradients: SymmetricAccumulator
  var rows = 0

  init(_ block: Block) {
    inputs = SymmetricAccumulator(order: block.sides.inputs)
    gradients = SymmetricAccumulator(order: block.sides.outputs)
  }

  mutating func add<Element: Scalar>(_ pairs: TokenPairs<Element>) {
    inputs.add(gramOf: pairs.inputs.transposed)
    gradients.add(gramOf: pairs.gradients.transposed)
    rows += pairs.inputs.rows
  }

  func factors(textCount: Int) -> KroneckerFactors {
    var (activations, outputGradients) = (inputs.matrix(), gradients.matrix())
    activations.scale(by: 1 / Double(rows))
    outputGradients.scale(by: 1 / Double(textCount))
    return KroneckerFactors(activations: activations, outputGradients: outputGradients)
  }
}

extension KroneckerFactors {
  /// Adds (Q_s·g·Q_aᵀ)², element by element, of each text's gradient g.
  ///
  /// - Parameter rows: texts × qp.
  fileprivate mutating func addSecondMoments<Element: Scalar>(of rows: Matrix<Element>) {
    guard let inputs = activationBasis, let outputs = outputBasis, var sum = eigenvalues else {
      return
    }
    let q = outputs.rows
    let stacked = Matrix<Double>(
      converting: Matrix(
        rows: rows.rows * q, columns: inputs.rows, elements: rows.elements))
    let turned = Matrix(product: stacked.view, inputs.transposed)
    eigenvalues = nil
    for text in 0..<rows.rows {
      let parts = Matrix(
        product: outputs.view, turned.view[rows: text * q..<(text + 1) * q])
      sum.add(
        Matrix(rows: q, columns: parts.columns, elements: parts.elements.map { $0 * $0 }))
    }
    eigenvalues = sum
  }
}
