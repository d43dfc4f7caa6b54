public import Gradients
public import LinearAlgebra

/// Representer points of the last layer: how much each training example adds to the output of a query's
/// class.
///
///     S[q, i] = α[i, y_q]·xᵢᵀx_q        α[i, ·] = −∂ℓᵢ/∂φ / (λn)        Θ = Σᵢ αᵢ·xᵢᵀ
///
/// Yeh, Kim, Yen and Ravikumar, "Representer Point Selection for Explaining Deep Neural Networks" (2018).
/// Θ is the last layer at the minimum of mean loss + (λ/2)·‖Θ‖²: there 0 = (1/n) Σ ∂ℓᵢ/∂φ·xᵢᵀ + λΘ, hence
/// the constant λn. (The paper's penalty is λ‖Θ‖², hence its 2λn; dividing the gradient of a mean loss by
/// n again is a mistake in circulation.) x holds a last 1 where the layer has a bias, which is penalised
/// too. So a query's scores sum to the output of its own class, φ(x_q) = Θx_q = Σᵢ αᵢ·xᵢᵀx_q. Positive
/// scores raise that output, which is what lowers the query's loss.
///
/// The layer is one that was fitted to the labels; the paper fits it to the model's own predictions.
///
/// - Cost: 2mn(d + 1) operations; α is stored. No damping: λ was chosen with the fit.
public struct RepresenterPoints: RepresentationMethod {
  /// How far Θ may be from Σ αᵢxᵢᵀ, as a share of its norm.
  public static let tolerance = 1e-6

  /// `rps`.
  public static let name = "rps"
  /// What the method is, in one line.
  public static let summary = "representer points of the last layer, α·x·xᵀ"
  /// Formula, source and cost.
  public static let page: MethodPage? = MethodPage(
    formula: "S = α[i, y]·xᵢᵀx, α[i, ·] = −∂ℓᵢ/∂φ/(λn), of the last layer at its minimum",
    source: "Yeh, Kim, Yen and Ravikumar (2018)",
    cost: "2mn(d + 1)",
    remark: "A query's scores sum to the output of its own class.")

  /// Makes the method.
  public init() {}

  /// α, `n × c`.
  ///
  /// - Throws: ``InfluenceError/missingInput(method:source:reason:)`` without a last layer.
  public func coefficients(of training: Representations) throws(InfluenceError) -> Matrix<Double> {
    guard let head = training.head else {
      throw .missingInput(
        method: name, source: training.source,
        reason:
          "it holds no last layer at its minimum (head, output_gradients, regularization); store one with the representations of the training examples"
      )
    }
    var coefficients = head.outputGradients
    coefficients.scale(by: -1 / (head.regularization * Double(training.count)))
    return coefficients
  }

  /// A last layer with Θ = Σ αᵢxᵢᵀ: one that is at its minimum.
  public func check(_ training: Representations) throws(InfluenceError) {
    try requireClasses(of: training)
    let coefficients = try coefficients(of: training)
    guard let weights = training.head?.weights else { return }
    let classes = weights.rows
    // A label without an output has no column of α.
    try checkLabels(of: training, below: classes)
    var sum = Matrix<Double>.zeros(classes, weights.columns)
    sum.add(
      product: coefficients.transposed,
      Self.inputs(training.features, columns: weights.columns).view)
    sum.add(weights, scale: -1)
    func norm(_ matrix: Matrix<Double>) -> Double {
      matrix.view.squaredRowNorms().reduce(0, +).squareRoot()
    }
    let distance = norm(sum)
    guard distance <= Self.tolerance * norm(weights) else {
      throw .missingInput(
        method: name, source: training.source,
        reason:
          "the last layer is not at the minimum of mean loss + (λ/2)·|Θ|²: it is \(distance) from Σ αx, of a norm of \(norm(weights)); fit it further, or store one that is"
      )
    }
  }

  /// α[i, y_q]·xᵢᵀx_q.
  public func values(
    of queries: Representations, on training: Representations
  ) throws -> Matrix<Double> {
    let coefficients = try coefficients(of: training)
    try checkLabels(of: queries, below: coefficients.columns)
    var values = Matrix<Double>.zeros(queries.count, training.count)
    values.set(product: queries.features.view, training.features.transposed)
    let shift = Self.hasBias(training) ? 1.0 : 0
    for (query, label) in queries.labels.enumerated() {
      for example in 0..<training.count {
        values[query, example] = coefficients[example, label] * (values[query, example] + shift)
      }
    }
    return values
  }

  /// α[i, yᵢ]·‖xᵢ‖², never negative: large for examples whose class only they themselves speak for.
  public func selfInfluence(on training: Representations) throws(InfluenceError) -> [Double] {
    try check(training)
    let coefficients = try coefficients(of: training)
    let shift = Self.hasBias(training) ? 1.0 : 0
    return training.features.view.squaredRowNorms().enumerated().map { row, square in
      coefficients[row, training.labels[row]] * (square + shift)
    }
  }

  private func checkLabels(
    of examples: Representations, below classes: Int
  ) throws(InfluenceError) {
    guard let row = examples.labels.firstIndex(where: { $0 >= classes }) else { return }
    throw .missingInput(
      method: name, source: examples.source,
      reason:
        "label \(examples.labels[row]) of row \(row) is not one of the last layer's \(classes) outputs"
    )
  }

  private static func hasBias(_ training: Representations) -> Bool {
    training.head?.weights.columns == training.features.columns + 1
  }

  /// Features with a last 1 where the layer has a bias.
  private static func inputs(_ features: Matrix<Double>, columns: Int) -> Matrix<Double> {
    columns > features.columns ? features.appendingOnes() : features
  }
}
