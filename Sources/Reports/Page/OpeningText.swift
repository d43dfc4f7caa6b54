/// The opening of a report: what was asked, what was found, how far to trust it, a sentence each.
///
/// Made from numbers alone, and a weak result says so here.
package struct OpeningText: Sendable, Equatable {
  package let heading: String
  package let asked: String
  package let found: String
  package let trust: String

  package init(of contents: ReportContents) {
    let noun = contents.training.hasTexts ? "training text" : "training example"
    heading = Self.heading(contents)
    asked = Self.asked(contents, noun)
    found = Self.found(contents, noun).joined(separator: "; ").asSentence
    trust = Self.trust(contents, noun).asSentence
  }

  private static func heading(_ contents: ReportContents) -> String {
    guard contents.queries != nil else { return "Which training labels should be looked at first?" }
    let noun = contents.training.hasTexts ? "texts" : "examples"
    return contents.training.labelNames.isEmpty
      ? "Which training \(noun) made the model answer so?"
      : "Which training \(noun) made the model judge these queries so?"
  }

  private static func asked(_ contents: ReportContents, _ noun: String) -> String {
    let count = PageNumbers.counted(contents.training.count, noun)
    guard let queries = contents.queries else {
      return
        "Which labels of \(count) are to be doubted, by \(PageNumbers.counted(contents.suspects?.rankings.count ?? 0, "ranking")) of their gradients and losses?"
    }
    var text =
      "Which of \(count) helped, and which hurt, the model on \(PageNumbers.counted(queries.total, "query", "queries"))"
    if let mistakes = queries.mistakes, mistakes.count > 0 {
      text +=
        mistakes.of == queries.total
        ? ", \(PageNumbers.grouped(mistakes.count)) of which it gets wrong"
        : ", of which it gets \(PageNumbers.grouped(mistakes.count)) of \(mistakes.of) wrong"
    }
    return text + "?"
  }

  private static func found(_ contents: ReportContents, _ noun: String) -> [String] {
    var parts: [String] = []
    if let suspects = contents.suspects { parts.append(Self.found(suspects)) }
    guard let queries = contents.queries, !queries.shown.isEmpty else { return parts }
    if let shares = queries.flippedShares {
      parts.append(
        "wrong labels are \(PageNumbers.percent(shares.harmful)) of the \(noun)s that hurt a query most, and \(PageNumbers.percent(shares.helpful)) of those that helped it most"
      )
    }
    let results = queries.shown.compactMap(\.results.first)
    let held = results.map(\.hitShare).sorted()[results.count / 2]
    let cards = results.map(\.hits.count).max() ?? 0
    let chance = Double(cards) / Double(max(1, contents.training.count))
    if held < 2 * chance, cards < contents.training.count {
      parts.append(
        "no few \(noun)s stand out: the \(cards) leading ones of a query hold \(PageNumbers.percent(held)) of all influence on it, where \(PageNumbers.percent(chance)) would be theirs if all had the same"
      )
    } else {
      parts.append(
        "the \(cards) leading \(noun)s of a query hold \(PageNumbers.percent(held)) of all influence on it"
      )
    }
    return parts
  }

  private static func found(_ suspects: SuspectPart) -> String {
    let flagged = suspects.flagged
    let rankings = suspects.rankings.count
    if let places = suspects.flippedPlaces, let total = suspects.flippedCount {
      let hits = places.count { $0 < flagged }
      let looks =
        "\(PageNumbers.counted(flagged, "training label")) look\(flagged == 1 ? "s" : "") wrong"
      let known =
        "\(hits == 0 ? "none" : "\(hits)") of them \(hits == 1 ? "is" : "are") among the \(PageNumbers.counted(total, "wrong label")) that you named"
      if let area = suspects.together?.areaUnderROC, area < 0.6 {
        return
          "the rankings hardly find the wrong labels that you named (AUC \(PageNumbers.share(area)), where ½ is chance): \(looks), and \(known)"
      }
      return "\(looks), and \(known)"
    }
    let standing =
      suspects.standing == 0
      ? "no label stands"
      : "\(PageNumbers.counted(suspects.standing, "label")) stand\(suspects.standing == 1 ? "s" : "")"
    guard rankings > 1 else { return "\(standing) high in the only ranking that could be made" }
    return
      "\(standing) high in most of \(PageNumbers.word(rankings)) rankings, which agree on \(suspects.agreed) of the first \(suspects.high)"
  }

  private static func trust(_ contents: ReportContents, _ noun: String) -> String {
    var sound: [String] = []
    var doubts: [String] = []
    if let first = contents.trust.methods.first, let bound = first.errorBound,
      let largest = first.largestScore, largest > 0
    {
      if bound <= 0.01 * largest {
        sound.append("scores are right to ±\(PageNumbers.plain(bound))")
      } else {
        doubts.append(
          "scores of \(first.method) are certain to ±\(PageNumbers.plain(bound)) only, where the largest is \(PageNumbers.plain(largest))"
        )
      }
    }
    if let queries = contents.queries, let steady = Self.steadyShare(queries),
      let steadiness = queries.steadiness
    {
      let text =
        "\(PageNumbers.percent(steady)) of the leading \(noun)s stay among the first \(steadiness.leading) at all \(steadiness.dampings) dampings"
      if steady >= 0.5 { sound.append(text) } else { doubts.append("only " + text) }
    }
    if let agreement = contents.trust.agreement, let first = agreement.methods.first {
      let others = agreement.methods.indices.dropFirst().compactMap { place in
        agreement.spearman[0][place].map { (agreement.methods[place], $0) }
      }
      if let worst = others.min(by: { $0.1 < $1.1 }) {
        let text = "\(first) and \(worst.0)"
        let value = "(ρ = \(PageNumbers.share(worst.1)))"
        if worst.1 < 0.3 {
          doubts.append("\(text) hardly agree \(value)")
        } else if worst.1 < 0.7 {
          doubts.append("\(text) agree in part \(value)")
        } else {
          sound.append("all methods agree (ρ ≥ \(PageNumbers.share(worst.1)))")
        }
      }
    }
    if contents.queries == nil, let suspects = contents.suspects {
      doubts.append(
        suspects.together.map {
          "all rankings together find known wrong labels with AUC \(PageNumbers.share($0.areaUnderROC))"
        }
          ?? "which ranking is best for these data cannot be known without labels that are known to be wrong"
      )
    }
    let advice = "take one \(noun) as a lead, not as proof"
    if doubts.isEmpty {
      return (sound + ["no retraining was done here, so \(advice)"]).joined(separator: "; ")
    }
    let start =
      sound.isEmpty ? "" : "the arithmetic is sound (\(sound.joined(separator: "; "))), but "
    return start + doubts.joined(separator: ", and ") + ": \(advice)"
  }

  /// The share of the cards of the first method that lead at every damping.
  static func steadyShare(_ queries: QueryPart) -> Double? {
    guard let steadiness = queries.steadiness else { return nil }
    let counts = queries.shown.flatMap { $0.results.first?.hits ?? [] }.compactMap(\.steadyAt)
    guard !counts.isEmpty else { return nil }
    return Double(counts.count { $0 == steadiness.dampings }) / Double(counts.count)
  }
}

extension String {
  /// With a capital at the front and a full stop at the end.
  fileprivate var asSentence: String {
    guard let first else { return self }
    return first.uppercased() + dropFirst() + (hasSuffix(".") ? "" : ".")
  }
}
