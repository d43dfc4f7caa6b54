import InfluenceKit
import TestSupport
import Testing

@Suite("Damping sweeps")
struct DampingSweepTests {
  static let grid = "1e-3:1:7"

  private func sweep(
    _ problem: Problem, _ setup: Setup, _ estimator: any Estimator = ExactFisher(),
    aggregation: Aggregation = .none, grid: String = grid
  ) throws -> DampingSweep {
    try DampingSweep(
      of: estimator, over: DampingGrid(parsing: grid), on: problem.training(setup.precision),
      queries: problem.queries(setup.precision), aggregation: aggregation,
      options: setup.options(damping: problem.damping))
  }

  private func damped(_ problem: Problem, by damping: Damping) -> Problem {
    Problem(blocks: problem.blocks, damping: damping)
  }

  @Test("Exact scores at every damping are those of a fit at it", arguments: Setup.all)
  func exact(setup: Setup) throws {
    let sweep = try sweep(.standard, setup)
    #expect(sweep.points.count == 7)
    #expect(sweep.points[4].isDefault && sweep.defaultIndex == 4)
    for (index, point) in sweep.points.enumerated() {
      let problem = damped(.standard, by: point.damping)
      // The bound of the formulas' distance holds for both, so twice it between them.
      let (expected, tolerance) = try problem.expectedScores(.exact, setup.precision)
      let found = sweep.scores(at: index)
      expectClose(found, expected, bound: .absolute(tolerance), "\(point.damping)")
      expectClose(
        found, try setup.scores(of: problem, ExactFisher()), bound: .absolute(2 * tolerance),
        "\(point.damping)")
    }
  }

  @Test("DataInf's likewise", arguments: Setup.all.filter { $0.side == .score })
  func dataInf(setup: Setup) throws {
    let sweep = try sweep(.standard, setup, DataInf())
    for (index, point) in sweep.points.enumerated() {
      let problem = damped(.standard, by: point.damping)
      let (expected, tolerance) = try problem.expectedScores(.dataInf, setup.precision)
      expectClose(sweep.scores(at: index), expected, bound: .absolute(tolerance))
      for side in Side.allCases {
        let other = Setup(precision: setup.precision, side: side)
        expectClose(
          sweep.scores(at: index), try other.scores(of: problem, DataInf()),
          bound: .absolute(2 * tolerance), "\(point.damping)")
      }
    }
  }

  @Test("The mean query's scores", arguments: Setup.all)
  func mean(setup: Setup) throws {
    let sweep = try sweep(.standard, setup, aggregation: .mean)
    #expect(sweep.queryCount == 1)
    for (index, point) in sweep.points.enumerated() {
      let (expected, tolerance) = try damped(.standard, by: point.damping)
        .expectedScores(.exact, setup.precision)
      expectClose(sweep.scores(at: index), expected.meanRow(), bound: .absolute(tolerance))
    }
  }

  @Test("Spectra at every damping are those of block spectra", arguments: Setup.inDouble)
  func spectra(setup: Setup) throws {
    let sweep = try sweep(.standard, setup)
    for point in sweep.points {
      let spectra = try BlockSpectrum.all(
        of: Problem.standard.training(.double), damping: point.damping)
      // An eigenvalue that is zero but for rounding, 60 · ulp · s_max, adds that much over λ; and so do
      // the d − n of them that F shows and K does not.
      let condition = spectra.map(\.conditionNumber).max() ?? 1
      expectClose(
        point.effectiveDimension, spectra.reduce(0) { $0 + $1.effectiveDimension },
        bound: .backward(order: 60, condition: condition))
      expectClose(
        point.conditionNumbers, spectra.map(\.conditionNumber), bound: .backward(order: 60))
      expectClose(
        point.roundingAmplification,
        spectra.map { $0.conditionNumber * $0.stableRank.squareRoot() }.max() ?? 0,
        bound: .backward(order: 60))
      #expect(point.worstCondition == point.conditionNumbers.max())
      #expect(point.medianCondition == point.conditionNumbers.sorted()[1])
    }
  }

  @Test("Residuals in the default's system", arguments: Setup.all)
  func residuals(setup: Setup) throws {
    let sweep = try sweep(.standard, setup)
    for point in sweep.points {
      let answers = damped(.standard, by: point.damping).naive
      try expectResiduals(point, setup) { place, queries in
        try answers[place].exact(queries)
      }
    }
  }

  @Test("DataInf's residuals", arguments: Setup.all.filter { $0.side == .score })
  func dataInfResiduals(setup: Setup) throws {
    let sweep = try sweep(.standard, setup, DataInf())
    for point in sweep.points {
      let answers = damped(.standard, by: point.damping).naive
      try expectResiduals(point, setup) { place, queries in answers[place].dataInf(queries) }
    }
  }

  /// ‖r‖² is a difference of terms as large as (gap · ‖v‖/λ)², or for DataInf (‖F + λ₀I‖ · ‖v‖/λ)²,
  /// each with the rounding of products and of a factor √κ for the eigenbasis.
  private func expectResiduals(
    _ point: DampingSweep.Point, _ setup: Setup,
    _ answer: (Int, Matrix<Double>) throws -> Matrix<Double>
  ) throws {
    var squares = [Double](repeating: 0, count: 5)
    var norms = squares
    var terms = squares
    let swept = damped(.standard, by: point.damping).naive
    for (place, block) in Problem.standard.naive.enumerated() {
      let residual = block.residuals(of: try answer(place, block.queries), for: block.queries)
      let (found, sizes) = (Naive.rowNorms(residual), Naive.rowNorms(block.queries))
      let image = (block.largestEigenvalue + block.lambda) / swept[place].lambda
      let rounding = block.rounding(setup.precision) * swept[place].condition.squareRoot()
      for query in 0..<5 {
        squares[query] += found[query] * found[query]
        norms[query] += sizes[query] * sizes[query]
        terms[query] += rounding * image * image * sizes[query] * sizes[query]
      }
    }
    for query in 0..<5 {
      let expected = (squares[query] / norms[query]).squareRoot()
      let cancelled = terms[query] / norms[query]
      let tolerance =
        expected > 0 ? min(cancelled / expected, cancelled.squareRoot()) : cancelled.squareRoot()
      expectClose(
        point.relativeResiduals[query], expected, bound: .absolute(tolerance), "\(point.damping)")
    }
  }

  @Test("A default off the grid comes last, and its own system leaves nothing over")
  func offGrid() throws {
    var problem = Problem.standard
    problem.damping = .absolute(0.5)
    let sweep = try sweep(problem, Setup(precision: .double, side: .score))
    #expect(sweep.points.count == 8 && sweep.defaultIndex == 7)
    #expect(sweep.points.map(\.isOnGrid) == [Bool](repeating: true, count: 7) + [false])
    #expect(sweep.points.map(\.isDefault) == [Bool](repeating: false, count: 7) + [true])
    #expect(sweep.points[7].relativeResiduals.allSatisfy { $0 == 0 })
    let (expected, tolerance) = try problem.expectedScores(.exact, .double)
    expectClose(sweep.scores(at: 7), expected, bound: .absolute(tolerance))
  }

  @Test("An absolute grid has the same λ in every block")
  func absolute() throws {
    let setup = Setup(precision: .double, side: .query)
    let sweep = try sweep(.standard, setup, grid: "absolute:0.01:100:3")
    for (index, damping) in [0.01, 1, 100].enumerated() {
      let problem = damped(.standard, by: .absolute(damping))
      let (expected, tolerance) = try problem.expectedScores(.exact, .double)
      expectClose(sweep.scores(at: index), expected, bound: .absolute(2 * tolerance))
    }
  }

  @Test("One thread and two give the same")
  func threads() async {
    await #expect(processExitsWith: .success) {
      let blocks = (0..<9).map { place -> Problem.Block in
        .random("w\(place)", shape: [20 + 4 * place], rows: 40, .flat, seed: UInt64(place))
      }
      let problem = Problem(blocks: blocks)
      for precision in CurvatureOptions.Precision.allCases {
        let sweeps = try [1, 2].map { threads in
          Parallelism.threads = threads
          return try DampingSweep(
            of: ExactFisher(), over: DampingGrid(parsing: "1e-3:1:5"),
            on: problem.training(precision), queries: problem.queries(precision),
            options: CurvatureOptions(precision: precision))
        }
        for index in sweeps[0].points.indices {
          let (one, two) = (sweeps[0].scores(at: index), sweeps[1].scores(at: index))
          let largest = one.elements.map(\.magnitude).max() ?? 0
          let distance = zip(one.elements, two.elements).map { ($0 - $1).magnitude }.max() ?? 0
          try #require(distance <= 1e-10 * largest)
        }
      }
    }
  }

  @Test("A dead block adds nothing and is named")
  func dead() throws {
    var problem = Problem.standard
    problem.blocks[1].gradients = .zeros(24, 10)
    let sweep = try sweep(problem, Setup(precision: .double, side: .score))
    #expect(sweep.warnings.contains { $0.contains("b.weight") })
    #expect(sweep.points.allSatisfy { $0.conditionNumbers.count == 2 })
    let (expected, tolerance) = try problem.expectedScores(.exact, .double)
    expectClose(sweep.scores(at: 4), expected, bound: .absolute(tolerance))
  }

  @Test("What cannot be swept is refused before any work")
  func refusals() throws {
    let problem = Problem.standard
    let (training, queries) = (problem.training(.single), problem.queries(.single))
    let grid = try DampingGrid(parsing: "1e-3:1:3")
    func failure(_ estimator: any Estimator, _ options: CurvatureOptions) -> InfluenceError? {
      #expect(throws: InfluenceError.self) {
        _ = try DampingSweep(
          of: estimator, over: grid, on: training, queries: queries, options: options)
      }
    }
    guard case .notSweepable("lissa", ["exact", "datainf"])? = failure(LiSSA(), .init()) else {
      Issue.record("LiSSA has no sweep")
      return
    }
    let query = CurvatureOptions(costModel: CostModel(request: .query))
    guard case .invalidSetting("datainf", "side", _)? = failure(DataInf(), query) else {
      Issue.record("DataInf's sweep has no query side")
      return
    }
    // Three dampings, and the default off the grid, of 5 × 24 scores; the rest is K.
    let small = CurvatureOptions(memoryBudget: 4000)
    guard case .sweepTooLarge(4, 5, 24, let bytes, 4000)? = failure(ExactFisher(), small) else {
      Issue.record("the sweep takes more than 4000 bytes")
      return
    }
    #expect(bytes > 8 * 4 * 5 * 24)
  }
}
