internal import InfluenceKit
internal import RealModule

extension ReportMaker {
  /// The most operations that a sweep or spectra may take; what takes more is left out, and said to be.
  private static let mostOperations = 4e12
  /// The most scores that are put in order for a sweep.
  private static let mostOrdered = 1e8
  /// The most eigenvalues of a block that are drawn.
  private static let mostEigenvalues = 160
  /// The most spectra that are drawn.
  private static let mostSpectra = 24

  /// Operations of an eigendecomposition per block.
  private var decomposition: Double {
    let n = Double(request.training.count)
    return request.training.layout.blocks.reduce(0) { sum, block in
      let d = Double(block.width)
      let order = min(n, d)
      return sum + order * n * d + 9 * order * order * order
    }
  }

  /// Sweeps the damping of the first method over the shown queries; nil where that cannot be done, or would take too long.
  mutating func sweep(over choice: QueryChoice) throws -> SweptHits? {
    let estimator = try estimators()[0]
    guard estimator.isDamped, request.training.count >= 2 else { return nil }
    let part = "other dampings"
    let grid = try DampingGrid(parsing: grid())
    let held = 13 * 8 * Double(choice.shown.count) * Double(request.training.count)
    // Each query's scores are ordered twice for each damping and its neighbour.
    let ordered = 50 * Double(choice.shown.count) * Double(request.training.count)
    guard decomposition <= Self.mostOperations, ordered <= Self.mostOrdered,
      held <= Double(request.options.memoryBudget) / 4
    else {
      trust.leftOut.append(
        (part, "it would take much longer than the scores; `influence sweep` computes it"))
      return nil
    }
    do {
      let sweep = try DampingSweep(
        of: estimator, over: grid, on: request.training, queries: choice.shownStore(),
        options: request.options, progress: progress)
      let stability = try DampingStability(of: sweep)
      trust.sweep = Self.part(of: sweep, stability)
      return try SweptHits(
        sweep, rows: choice.shownAscending, leading: max(15, request.top * 5 / 2))
    } catch let error as InfluenceError {
      trust.leftOut.append((part, "\(error)"))
      return nil
    }
  }

  /// Dampings from a hundredth of the default to ten times it.
  private func grid() -> String {
    switch request.options.damping {
    case .relative(let share): "\(share / 100):\(share * 10):13"
    case .absolute(let value): "absolute:\(value / 100):\(value * 10):13"
    }
  }

  private static func part(
    of sweep: DampingSweep, _ stability: DampingStability
  ) -> TrustPart.Sweep {
    let points = sweep.points.indices.map { index -> TrustPart.SweepPoint in
      let (point, entry) = (sweep.points[index], stability.entries[index])
      let value: Double =
        switch point.damping {
        case .relative(let share): share
        case .absolute(let value): value
        }
      return TrustPart.SweepPoint(
        value: value, isDefault: point.isDefault,
        isRecommended: stability.recommendation?.index == index, isBearable: entry.isBearable,
        spearman: entry.spearmanToDefault, topOverlap: entry.topOverlapWithDefault,
        effectiveDimension: point.effectiveDimension, worstCondition: point.worstCondition)
    }
    return TrustPart.Sweep(
      method: sweep.method, isAbsolute: sweep.grid.isAbsolute,
      points: points.sorted { $0.value < $1.value },
      topCount: min(DampingStability.topCount, sweep.exampleCount), reason: stability.reason,
      isPlateau: stability.recommendation?.isPlateau)
  }

  /// The spectra of the blocks, where they are not too many operations.
  mutating func addSpectra() throws {
    guard request.queries != nil, !specifications.isEmpty,
      request.training.layout.count <= Self.mostSpectra
    else { return }
    guard decomposition <= Self.mostOperations else {
      trust.leftOut.append(("spectra", "they would take much longer than the scores"))
      return
    }
    do {
      trust.spectra = try BlockSpectrum.all(
        of: request.training, damping: request.options.damping,
        memoryBudget: request.options.memoryBudget, progress: progress
      ).map { spectrum in
        let values = spectrum.eigenvalues
        let ranks = Self.ranks(of: values.count)
        return TrustPart.Spectrum(
          block: spectrum.block, damping: spectrum.damping,
          effectiveDimension: spectrum.effectiveDimension, most: values.count,
          eigenvalues: ranks.map { ($0, values[$0 - 1]) }.filter { $0.1 > 0 })
      }
    } catch let error as InfluenceError {
      trust.leftOut.append(("spectra", "\(error)"))
    }
  }

  /// Ranks that stand evenly on a logarithmic axis, from 1 to a count.
  private static func ranks(of count: Int) -> [Int] {
    guard count > mostEigenvalues else { return Array(1..<(count + 1)) }
    var ranks: [Int] = []
    for step in 0..<mostEigenvalues {
      let share = Double(step) / Double(mostEigenvalues - 1)
      let rank = Int(Double.exp(Double.log(Double(count)) * share).rounded())
      if rank > ranks.last ?? 0 { ranks.append(min(count, rank)) }
    }
    return ranks
  }
}
