import Gradients

/// What the user should know of training gradients, whatever the method.
enum TrainingWarnings {
  /// Dead blocks, and examples without a gradient.
  static func warnings(of contexts: [BlockContext], store: GradientStore) -> [String] {
    var warnings: [String] = []
    let dead = contexts.filter(\.isDead).map(\.name)
    if !dead.isEmpty {
      warnings.append(
        "\(store.name): all training gradients are zero in \(dead.count == 1 ? "block" : "blocks") \(dead.joined(separator: ", ")), which contribute nothing"
      )
    }
    let zeroRows = GradientNorms(contexts.map(\.squaredNorms)).zeroRows(
      inBlocks: contexts.indices.filter { !contexts[$0].isDead })
    if !zeroRows.isEmpty {
      let shown = zeroRows.prefix(10).map(String.init).joined(separator: ", ")
      warnings.append(
        "\(store.name): \(zeroRows.count) examples have a zero gradient and score zero (rows \(shown)\(zeroRows.count > 10 ? ", …" : ""))"
      )
    }
    return warnings
  }

  /// Dampings beside which the curvature is nothing, or which are nothing beside it.
  ///
  /// No eigenvalue of F is above tr(F), so that λ > 10⁶·tr(F) leaves exact scores within 10⁻⁶ of ‖v‖‖g‖/λ of inner
  /// products divided by λ. The largest is at least tr(F)/min(n, d); λ below 2⁻⁵³ of that is lost when it is added in
  /// double precision.
  /// A Hessian's scale is another, and is not judged.
  static func warnings(
    ofDampingIn contexts: [BlockContext], for estimators: [any Estimator], store: GradientStore
  ) -> [String] {
    guard estimators.contains(where: { $0.isDamped && !$0.prefersOneBlock }) else { return [] }
    let live = contexts.filter { !$0.isDead && $0.lambda > 0 }
    let large = live.filter { $0.lambda > 1e6 * $0.trace }
    let small = live.filter {
      $0.lambda < 0x1p-53 * $0.trace / Double(min($0.exampleCount, $0.width))
    }
    func names(_ contexts: [BlockContext]) -> String {
      let shown = contexts.prefix(5).map { "\($0.name), λ = \($0.lambda), tr(F) = \($0.trace)" }
      return
        "\(contexts.count == 1 ? "block" : "\(contexts.count) blocks") (\(shown.joined(separator: "; "))\(contexts.count > 5 ? "; …" : ""))"
    }
    var warnings: [String] = []
    if !large.isEmpty {
      warnings.append(
        "\(store.name): the damping is more than a million times the curvature in \(names(large)): scores there are inner products divided by λ, whatever the method; lower the damping"
      )
    }
    if !small.isEmpty {
      warnings.append(
        "\(store.name): the damping is lost in the rounding of the curvature in \(names(small)): it holds nothing down that it is there for; raise the damping"
      )
    }
    return warnings
  }

  /// A model's curvature that is a mean over another number of examples than there are.
  static func warnings(ofCurvatureUsedBy estimators: [any Estimator], on store: GradientStore)
    -> [String]
  {
    guard let curvature = store.curvature, let count = curvature.exampleCount,
      count != store.count,
      let estimator = estimators.first(where: { $0.inputs.contains(where: \.isOfModel) })
    else { return [] }
    return [
      "\(estimator.name): \(curvature.path) is a mean over \(count) examples, beside \(store.count) training gradients; scores are right if it is of the same model and of examples like these"
    ]
  }

  /// Training examples whose scores are zero because the method gives them no weight.
  static func warnings(
    ofWeightsBy estimators: [any Estimator], on store: GradientStore
  ) throws -> [String] {
    try estimators.filter { $0.normalization == .exampleWeights }.compactMap { estimator in
      let weights = try estimator.exampleWeights(on: store)
      let zeros = weights.indices.filter { weights[$0] == 0 }
      guard !zeros.isEmpty else { return nil }
      let shown = zeros.prefix(10).map(String.init).joined(separator: ", ")
      return zeros.count == weights.count
        ? "\(estimator.name): all training examples have a weight of zero, because the model is certain of each: all scores are zero and rank nothing"
        : "\(estimator.name): \(zeros.count) of \(weights.count) training examples have a weight of zero, because the model is certain of them, and score zero (rows \(shown)\(zeros.count > 10 ? ", …" : ""))"
    }
  }

  /// Blocks whose matrices had to be formed again in double precision.
  static func warnings(ofRefitted blocks: [String], in store: GradientStore) -> [String] {
    guard !blocks.isEmpty else { return [] }
    let shown = blocks.prefix(5).joined(separator: ", ")
    return [
      "\(store.name): the curvature of \(blocks.count == 1 ? "block" : "\(blocks.count) blocks:") \(shown)\(blocks.count > 5 ? ", …" : "") is not positive definite in single precision, and was formed again in double precision, which takes longer than planned; raise the damping, or use double precision from the start"
    ]
  }

  /// Methods whose matrices do not fit in memory.
  static func warnings(
    for estimators: [any Estimator], _ blocks: [BlockNeeds], budget: Int
  ) -> [String] {
    estimators.indices.compactMap { index in
      let count = blocks.count { $0.choices[index].isByPasses }
      guard count > 0, let passes = estimators[index].withoutMatrices else { return nil }
      let settings = passes.settings.sorted { $0.key < $1.key }.map { "\($0)=\($1)" }
      return
        "\(estimators[index].name): the matrices of \(count) \(count == 1 ? "block" : "blocks") do not fit in \(budget) bytes; solved by \(passes.name) (\(settings.joined(separator: ", "))) instead"
    }
  }
}
