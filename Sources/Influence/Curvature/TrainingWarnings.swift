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
    let zeroRows = (0..<store.count).filter { row in
      contexts.allSatisfy { $0.squaredNorms[row] == 0 }
    }
    if !zeroRows.isEmpty {
      let shown = zeroRows.prefix(10).map(String.init).joined(separator: ", ")
      warnings.append(
        "\(store.name): \(zeroRows.count) examples have a zero gradient and score zero (rows \(shown)\(zeroRows.count > 10 ? ", …" : ""))"
      )
    }
    return warnings
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
