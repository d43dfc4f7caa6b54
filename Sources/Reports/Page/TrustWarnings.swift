/// What the reader should know before believing a report, each as a heading and a sentence made from numbers.
struct TrustWarnings {
  struct Warning: Equatable {
    let head: String
    let body: String
  }

  let all: [Warning]

  init(of contents: ReportContents) {
    let trust = contents.trust
    var found: [Warning?] = [
      Self.disagreement(contents), Self.accuracy(trust), Self.damping(trust),
      Self.unlearnt(trust), Self.weakSuspects(contents), Self.dominance(contents),
    ]
    found += trust.warnings.map { Warning(head: "While computing:", body: PageText.visible($0)) }
    if contents.queries != nil || contents.suspects != nil {
      found.append(
        Warning(
          head: "No retraining backs these numbers.",
          body:
            "No run in this report left an example out and trained again; `influence experiment run` does."
        ))
    }
    all = found.compactMap(\.self)
  }

  private static func disagreement(_ contents: ReportContents) -> Warning? {
    guard let agreement = contents.trust.agreement else { return nil }
    let names = agreement.methods
    var pairs: [(first: Int, second: Int, value: Double)] = []
    for first in names.indices {
      for second in names.indices where second > first {
        guard let value = agreement.spearman[first][second] else { continue }
        pairs.append((first, second, value))
      }
    }
    guard let worst = pairs.min(by: { $0.value < $1.value }),
      let best = pairs.max(by: { $0.value < $1.value }), worst.value < 0.7
    else { return nil }
    let others =
      pairs.count > 1 && best.value >= 0.7
      ? ", while \(names[best.first]) and \(names[best.second]) agree at \(PageNumbers.share(best.value))"
      : ""
    return Warning(
      head: "The methods do not tell one story.",
      body:
        "\(names[worst.first]) and \(names[worst.second]) rank the training examples \(worst.value < 0.3 ? "almost independently" : "in part alike"): ρ = \(PageNumbers.share(worst.value)), mean over \(PageNumbers.counted(agreement.queryCount, "query", "queries"))\(others). Which of them foretells retraining cannot be told from scores."
    )
  }

  private static func accuracy(_ trust: TrustPart) -> Warning? {
    guard let first = trust.methods.first, let bound = first.errorBound,
      let largest = first.largestScore, largest > 0, bound > 0.01 * largest
    else { return nil }
    return Warning(
      head: "The scores are not certain.",
      body:
        "\(first.method) may be off by \(PageNumbers.plain(bound)) from the exact scores of its damped system, where the largest score is \(PageNumbers.plain(largest)); a larger damping, more accuracy or double precision helps."
    )
  }

  private static func damping(_ trust: TrustPart) -> Warning? {
    guard let sweep = trust.sweep else { return nil }
    let best = sweep.points.first { $0.isRecommended }
    guard let standard = sweep.points.first(where: \.isDefault) else { return nil }
    if !standard.isBearable {
      return Warning(
        head: "The damping is lighter than the precision can bear.",
        body:
          "At λ = \(PageNumbers.plain(standard.value))\(unit(sweep)) the worst block has condition number \(PageNumbers.plain(standard.worstCondition)); rounding may move the scores. \(sweep.reason.prefix(1).uppercased() + sweep.reason.dropFirst())."
      )
    }
    guard sweep.isPlateau != true else { return nil }
    return Warning(
      head: "No damping stands out.",
      body:
        "\(best.map { "The most stable λ of the sweep is \(PageNumbers.plain($0.value))\(unit(sweep)): " } ?? "")\(sweep.reason)."
    )
  }

  private static func unit(_ sweep: TrustPart.Sweep) -> String {
    sweep.isAbsolute ? "" : " · mean eigenvalue"
  }

  private static func unlearnt(_ trust: TrustPart) -> Warning? {
    guard let found = trust.contradicted, 20 * found.count > found.of else { return nil }
    let known =
      found.flipped.map { "; \(PageNumbers.grouped($0)) of them are known to be wrong" } ?? ""
    return Warning(
      head: "The model has not learnt its training set.",
      body:
        "It contradicts the given label of \(PageNumbers.grouped(found.count)) of \(PageNumbers.counted(found.of, "example"))\(known). Influence assumes a minimum of the training loss, and this suggests that training stopped before one."
    )
  }

  /// One of at least three layers that supplies most of what stands out.
  private static func dominance(_ contents: ReportContents) -> Warning? {
    guard let queries = contents.queries, queries.layers.count >= 3,
      let method = queries.methods.first?.specification
    else { return nil }
    var sizes = [Double](repeating: 0, count: queries.layers.count)
    for hit in queries.shown.flatMap({ $0.results.first?.hits ?? [] }) {
      for (layer, part) in hit.layers.enumerated() { sizes[layer] += abs(part) }
    }
    let total = sizes.reduce(0, +)
    guard let largest = sizes.indices.max(by: { sizes[$0] < sizes[$1] }),
      sizes[largest] > 0.5 * total
    else { return nil }
    return Warning(
      head: "One layer speaks for all.",
      body:
        "\(PageText.name(queries.layers[largest])) supplies \(PageNumbers.percent(sizes[largest] / total)) of the scores of \(method) that are shown; they are about that layer."
    )
  }

  private static func weakSuspects(_ contents: ReportContents) -> Warning? {
    guard let area = contents.suspects?.together?.areaUnderROC, area < 0.6 else { return nil }
    return Warning(
      head: "The list of suspects is weak.",
      body:
        "It finds the wrong labels that you named with AUC \(PageNumbers.share(area)), where ½ is chance."
    )
  }
}
