extension BlockNeeds {
  /// The work of a fit: K and F once for all methods, what is computed from them, and what methods make by
  /// themselves.
  func fittingWork() -> Work {
    var work = Work()
    guard !isDead else { return work }
    let (n, d) = (shape.exampleCount, shape.width)
    if needsKernel {
      work.addPass(shape, operations: shape.kernelOperations, rows: max(16, n))
      work.doubleNumbers += 3 * Double(n) * Double(n)
    }
    if needsFisher {
      work.addPass(shape, operations: OperationCount.fisher(n: n, d: d), rows: max(16, d))
      work.doubleNumbers += 3 * Double(d) * Double(d)
    }
    for side in Side.allCases {
      let order = shape.order(on: side)
      for need in gramParts(on: side) {
        switch need {
        case .choleskyFactor where solvesInSingle(on: side):
          work.productOperations += OperationCount.cholesky(order: order)
        case .choleskyFactor: work.doubleOperations += OperationCount.cholesky(order: order)
        case .eigenbasis: work.doubleOperations += OperationCount.eigendecomposition(order: order)
        default: continue
        }
      }
    }
    for (fit, side) in fits {
      work.add(fit.fittingWork(shape))
      if fit.needs.takesGram {
        work.doubleNumbers += 2 * Double(shape.order(on: side)) * Double(shape.order(on: side))
      }
    }
    return work
  }

  /// The work of a set of queries on the fitted block: C = V·Gᵀ once, then what each method adds.
  ///
  /// What aims at the exact scores is measured and corrected once where products are in single precision;
  /// the rare answer that takes more is not foreseen.
  ///
  /// - Parameters:
  ///   - queries: m.
  ///   - certifies: Whether residuals are wanted.
  ///   - precision: That of products.
  ///   - isInParts: Whether scores are made again to be written, some examples at a time.
  func scoringWork(
    queries: Int, certifies: Bool, precision: CurvatureOptions.Precision, isInParts: Bool = false
  ) -> Work {
    var work = Work()
    guard !isDead else { return work }
    let (n, d) = (shape.exampleCount, shape.width)
    var hasProducts = false
    let isMeasured = { (fit: any SideFit, isCertified: Bool) in
      isCertified && fit.aim != nil && precision == .single
    }
    for (place, entry) in fits.enumerated() {
      guard case (let fit as any QuerySideFit, .query) = entry else { continue }
      let isCertified = certifies && normalizations[place] == .none
      work.add(solvingWork(of: fit, on: .query, queries: queries))
      hasProducts = hasProducts || fit.leavesProducts
      addTraffic(queries: queries, columns: n + d, to: &work)
      if isMeasured(fit, isCertified) {
        work.addDoublePass(shape, products: 2, rows: queries)
        // Corrections meet the gradients once more; block conjugate gradients are not corrected.
        if !fit.givesScores, !isInParts { work.addPass(shape, products: 1, rows: queries) }
        // In parts the largest of what was corrected is found first, and then scores are made to be written.
        for _ in 0..<(isInParts ? 2 : 0) {
          work.addDoublePass(shape, products: 1, rows: queries)
          work.addPass(shape, products: 1, rows: queries)
        }
        work.doubleOperations += OperationCount.fisherCertificate(m: queries, d: d)
        continue
      }
      guard !fit.givesScores else { continue }
      // The residual comes from F, or from the pass that gives the scores.
      let hasFisher = fit.needs.takesGram
      work.addPass(shape, products: isCertified && !hasFisher ? 2 : 1, rows: queries)
      if isInParts, isCertified { work.addPass(shape, products: 1, rows: queries) }
      if isCertified, hasFisher {
        work.doubleOperations += OperationCount.fisherCertificate(m: queries, d: d)
        work.doubleNumbers += Double(d) * Double(d)
      }
    }
    let onScores = zip(fits, normalizations).filter { $0.0.side == .score }
    guard !onScores.isEmpty else { return work }
    if !hasProducts, isInParts {
      work.addPass(shape, products: 1, rows: queries)
    } else if !hasProducts {
      work.addPass(shape, operations: shape.crossOperations(queries: queries), rows: queries)
    }
    for ((fit, _), normalization) in onScores {
      work.add(solvingWork(of: fit, on: .score, queries: queries))
      addTraffic(queries: queries, columns: n, to: &work)
      if certifies, normalization == .none {
        if isMeasured(fit, true) {
          work.addDoublePass(shape, products: 1, rows: queries)
          work.addDoublePass(shape, products: 1, rows: queries)
        }
        work.doubleOperations += OperationCount.kernelCertificate(m: queries, n: n)
        work.doubleNumbers += Double(n) * Double(n)
      }
    }
    return work
  }

  /// The work of what normalised methods divide their scores by, which is done once.
  func normalizingWork(certifies: Bool) -> Work {
    var work = Work()
    guard !isDead else { return work }
    for (index, normalization) in normalizations.enumerated() {
      guard let quantity = normalization.exampleQuantity else { continue }
      let (fit, side) = fits[index]
      work.add(fit.measuringWork(quantity, shape))
      guard side == .score, !certifies, let onScores = fit as? any ScoreSideFit,
        quantity == .squaredChange || onScores.measuresWithKernel
      else { continue }
      // K is kept for certificates alone; without them it is made again.
      work.addPass(shape, operations: shape.kernelOperations, rows: shape.exampleCount)
    }
    return work
  }

  /// The work of queries on what a method has fitted, in the precision in which it solves.
  private func solvingWork(of fit: any SideFit, on side: Side, queries: Int) -> Work {
    var work = fit.scoringWork(queries: queries, shape)
    if solvesInSingle(on: side), fit.solvesInSingle {
      work.addProducts(rows: queries, operations: work.doubleOperations)
      work.doubleOperations = 0
    }
    return work
  }

  /// The fit of each method, with its side.
  private var fits: [(fit: any SideFit, side: Side)] {
    zip(estimators, choices).map { estimator, choice in
      guard let fit = estimator.fit(on: choice.side) else {
        preconditionFailure("\(estimator.name) has no \(choice.side.rawValue) side")
      }
      return (fit, choice.side)
    }
  }

  /// What methods take from the Gram matrix of a side, each part once.
  private func gramParts(on side: Side) -> Set<Need> {
    fits.reduce(into: []) { parts, entry in
      if entry.side == side { parts.formUnion(entry.fit.needs.filter(\.isOfGram)) }
    }
  }

  /// Products become scores and coefficients in double precision: some six matrices m wide.
  private func addTraffic(queries: Int, columns: Int, to work: inout Work) {
    work.doubleNumbers += 6 * Double(queries) * Double(columns)
  }
}
