internal import InfluenceKit

extension ReportMaker {
  /// Ranks the training examples by how much their labels are to be doubted; nil where they have no labels.
  mutating func suspectPart(_ names: [String]) throws -> SuspectPart? {
    if let found = request.suspects {
      trust.warnings += found.warnings
      let names = request.classNames
      return try SuspectPart(
        of: found, labelName: { names.indices.contains($0) ? names[$0] : "\($0)" },
        flipped: request.flipped)
    }
    guard !names.isEmpty || request.flipped != nil, request.training.count >= 2 else { return nil }
    let places = Dictionary(uniqueKeysWithValues: zip(names, names.indices))
    let labels =
      names.isEmpty
      ? nil : request.trainingExamples.labels?.compactMap { $0.flatMap { places[$0] } }
    let asked = request.queryExamples.labels?.compactMap { $0.flatMap { places[$0] } }
    var settings = request.suspectSettings
    settings.options = request.options
    settings.losses = request.trainingExamples.allLosses()
    do {
      let found = try Suspects(
        in: request.training, queries: request.queries, labels: labels,
        queryLabels: asked?.count == request.queries?.count ? asked : nil, settings: settings,
        progress: progress)
      trust.warnings += found.warnings
      return try SuspectPart(
        of: found, labelName: { names.indices.contains($0) ? names[$0] : "\($0)" },
        flipped: request.flipped)
    } catch EvaluationError.noRanking(let reason) {
      trust.leftOut.append(("suspects", reason))
      return nil
    } catch let error as InfluenceError {
      // What rankings hold for every example may not fit in memory; the queries are there all the same.
      guard request.queries != nil else { throw error }
      trust.leftOut.append(("suspects", "\(error)"))
      return nil
    }
  }

  /// Texts that are nearly the same; nil where there are no texts, or none alike.
  func duplicatePart() -> DuplicatePart? {
    guard let texts = request.trainingExamples.texts else { return nil }
    report("near-duplicates", 0)
    return DuplicatePart(
      among: texts.map { $0 ?? "" },
      queries: (request.queryExamples.texts ?? []).map { $0 ?? "" },
      labels: request.trainingExamples.labels, queryLabels: request.queryExamples.labels)
  }

  /// How many training examples the model contradicts.
  mutating func addContradictions(_ names: [String]) {
    let examples = request.trainingExamples
    var (wrong, known, flippedAmong) = (0, 0, 0)
    for row in 0..<request.training.count {
      guard let label = examples.labels?[row],
        let predicted = examples.prediction(row, names: names)
      else { continue }
      known += 1
      guard predicted != label else { continue }
      wrong += 1
      if request.flipped?.contains(row) == true { flippedAmong += 1 }
    }
    guard known > 0 else { return }
    trust.contradicted = (wrong, known, request.flipped.map { _ in flippedAmong })
  }
}
