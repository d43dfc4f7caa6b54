import InfluenceKit
import TestSupport
import Testing

/// Every way in which a fit or a scoring is refused, and what the message says.
@Suite("Errors and warnings")
struct InfluenceErrorTests {
  private func failure(_ body: () throws -> Void) -> InfluenceError? {
    #expect(throws: InfluenceError.self, performing: body)
  }

  /// A problem of two blocks with one number changed.
  private func problem(
    training: (row: Int, value: Double)? = nil, query: (row: Int, value: Double)? = nil
  ) -> Problem {
    var problem = Problem(
      blocks: [
        .random("first", shape: [5], rows: 8, .flat, seed: 51),
        .random("second", shape: [3, 4], rows: 8, .flat, seed: 52),
      ])
    if let (row, value) = training { problem.blocks[1].gradients[row, 7] = value }
    if let (row, value) = query { problem.blocks[1].queries[row, 11] = value }
    return problem
  }

  @Test(
    "A damping that is not positive and finite is refused", arguments: Setup.all,
    [
      Damping.relative(0), .relative(-0.1), .relative(.nan), .relative(.infinity),
      .absolute(-1), .absolute(.nan), .absolute(.infinity),
    ])
  func damping(setup: Setup, damping: Damping) throws {
    var problem = problem()
    problem.damping = damping
    let error = failure { _ = try setup.curvature(of: problem, [HessianFree()]) }
    guard case .invalidDamping(let description)? = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(description == "\(damping)")
  }

  @Test(
    "No damping is refused by methods that divide by it", arguments: Setup.all,
    ["block-normalized", "datainf", "lissa", "cg", "relatif-theta"])
  func noDamping(setup: Setup, method: String) throws {
    var problem = problem()
    problem.damping = .absolute(0)
    let estimator = try EstimatorCatalog.estimator(method)
    let error = failure { _ = try setup.curvature(of: problem, [estimator]) }
    guard case .needsDamping(method)? = error else {
      Issue.record("\(String(describing: error))")
      return
    }
  }

  @Test(
    "A value that is not finite in training is named by block and row", arguments: Setup.all,
    [Double.nan, .infinity, -.infinity])
  func training(setup: Setup, value: Double) {
    let error = failure {
      _ = try setup.curvature(of: problem(training: (6, value)), [HessianFree()])
    }
    guard case .notFinite(let source, let block, let rows)? = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(source == "train" && block == "second" && rows == [6])
    #expect(
      "\(InfluenceError.notFinite(source: source, block: block, rows: rows))".contains("row 6;"))
  }

  @Test(
    "A value that is not finite in a query is named by block and row", arguments: Setup.all,
    Aggregation.allCases)
  func query(setup: Setup, aggregation: Aggregation) throws {
    for value in [Double.nan, .infinity] {
      let problem = problem(query: (3, value))
      let curvature = try setup.curvature(of: problem, [HessianFree()])
      let error = failure {
        _ = try curvature.scores(
          of: problem.queries(setup.precision), aggregation: aggregation)
      }
      guard case .notFinite(let source, let block, let rows)? = error else {
        Issue.record("\(String(describing: error))")
        return
      }
      #expect(source == "query" && block == "second" && rows == [3])
    }
  }

  @Test("Many bad rows are counted, not listed")
  func manyRows() {
    let error = InfluenceError.notFinite(source: "s", block: "b", rows: Array(0..<14))
    #expect("\(error)".contains("rows 0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 4 more"))
  }

  @Test("Gradients that are all zero are refused", arguments: Setup.all, Method.allCases)
  func allZero(setup: Setup, method: Method) {
    let zeros = problem().mapping { block in
      var block = block
      block.gradients = .zeros(block.gradients.rows, block.gradients.columns)
      return block
    }
    let error = failure {
      _ = try setup.curvature(of: zeros, [method.estimator(for: problem())])
    }
    guard case .nothingToFit("train")? = error else {
      Issue.record("\(String(describing: error))")
      return
    }
  }

  @Test("A store without rows is refused", arguments: Setup.all)
  func empty(setup: Setup) throws {
    let nobody = problem().mapping { block in
      var block = block
      block.gradients = .zeros(0, block.gradients.columns)
      block.queries = .zeros(0, block.queries.columns)
      return block
    }
    let error = failure { _ = try setup.curvature(of: nobody, [HessianFree()]) }
    guard case .empty("train")? = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    let curvature = try setup.curvature(of: problem(), [HessianFree()])
    let second = failure { _ = try curvature.scores(of: nobody.queries(setup.precision)) }
    guard case .empty("query")? = second else {
      Issue.record("\(String(describing: second))")
      return
    }
  }

  @Test("Layouts that differ are refused, with a list of what differs")
  func layouts() throws {
    let setup = Setup.all[0]
    let curvature = try setup.curvature(of: problem(), [HessianFree()])
    var other = problem()
    other.blocks[0].name = "third"
    other.blocks[1].shape = [4, 3]
    let error = failure { _ = try curvature.scores(of: other.queries(setup.precision)) }
    guard case .layoutMismatch(let train, let query, let differences)? = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(train == "train" && query == "query")
    #expect(
      differences == [
        "block first is in train but not in query",
        "block second is [3, 4] in train but [4, 3] in query",
        "block third is in query but not in train",
      ])
    let description = "\(try #require(error))"
    for difference in differences { #expect(description.contains(difference)) }
  }

  @Test("Matrices beyond the memory budget are refused before any is made", arguments: Setup.all)
  func memory(setup: Setup) throws {
    let problem = problem()
    func fit(_ estimators: [any Estimator], budget: Int, certifies: Bool = false) throws {
      var options = setup.options(certifies: certifies)
      options.memoryBudget = budget
      _ = try Curvature(
        fitting: estimators, on: problem.training(setup.precision), options: options)
    }
    // A Gram matrix of doubles and a factor of its size in each block: order n, or order d.
    // The larger block by itself, with three quarters of a matrix as a sum of panels.
    let orders = setup.side == .score ? [8, 8] : [5, 12]
    let bytes = 22 * orders[1] * orders[1]
    try fit([ExactFisher()], budget: bytes)
    let error = failure { try fit([ExactFisher()], budget: bytes - 1) }
    guard case .tooLarge(let block, let method, let order, let needed, let budget)? = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    let first = setup.side == .score ? "first" : "second"
    #expect(block == first && method == "exact" && order == orders[1])
    #expect(needed == bytes && budget == bytes - 1)
    // Without a Gram matrix there is nothing to refuse.
    try fit([HessianFree(), BlockNormalized()], budget: 0)
    if setup.side == .query { try fit([DataInf()], budget: 0, certifies: true) }
    if setup.side == .score {
      let error = failure { try fit([HessianFree()], budget: 0, certifies: true) }
      guard case .tooLarge("first", "certificate", 8, _, 0)? = error else {
        Issue.record("\(String(describing: error))")
        return
      }
    }
  }

  @Test(
    "Settings out of range are refused where they are named",
    arguments: [
      "lissa:depth=0", "lissa:depth=-3", "lissa:tolerance=0", "lissa:tolerance=1",
      "lissa:tolerance=nan", "lissa:scale=0", "lissa:scale=-1", "lissa:scale=nan",
      "lissa:scale=inf", "cg:tolerance=2", "cg:tolerance=-1e-9", "cg:tolerance=nan", "cg:steps=0",
    ])
  func settings(specification: String) throws {
    let error = failure { _ = try EstimatorCatalog.estimator(specification) }
    guard case .invalidSetting(let method, let setting, _)? = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(specification.hasPrefix("\(method):\(setting)="))
  }

  @Test("Settings out of range are refused by a fit, too", arguments: Setup.all)
  func settingsOfValues(setup: Setup) throws {
    let values: [any Estimator] = [
      LiSSA(depth: .terms(0)), LiSSA(depth: .tolerance(.nan)), LiSSA(scale: -1),
      ConjugateGradient(tolerance: 2), PreconditionedConjugateGradient(maximumSteps: 0),
      ExactFisher(tolerance: 0),
    ]
    for value in values {
      let error = failure { _ = try setup.curvature(of: problem(), [value]) }
      guard case .invalidSetting(value.name, _, _)? = error else {
        Issue.record("\(value): \(String(describing: error))")
        continue
      }
    }
  }

  @Test(
    "Products beyond a precision are refused, neither NaN nor lost", arguments: Setup.all,
    Method.allCases)
  func range(setup: Setup, method: Method) throws {
    // Squares of 10²⁵ and of 10⁻²² are no singles, but doubles; the gradients themselves are both.
    for scale in [0x1p83, 0x1p-73] {
      let problem = problem()
      let scaled = problem.mapping { block in
        var block = block
        block.gradients = block.gradients.scaled(by: scale)
        return block
      }
      var estimator = method.estimator(for: problem)
      if var lissa = estimator as? LiSSA {
        lissa.scale = lissa.scale.map { $0 * scale * scale }
        estimator = lissa
      }
      let curvature: Curvature
      let scores: Matrix<Double>
      do {
        curvature = try setup.curvature(of: scaled, [estimator])
        scores = try #require(
          try curvature.scores(of: scaled.queries(setup.precision)).first
        ).values
      } catch {
        guard case .outOfRange(let block)? = error as? InfluenceError else { throw error }
        #expect(setup.precision == .single)
        #expect(block == "first" || block == "second")
        continue
      }
      let factor = method == .hessianFree ? scale : 1 / scale
      let (expected, tolerance) = try problem.expectedScores(method, setup.precision)
      expectClose(
        scores, expected.scaled(by: factor), bound: .absolute(factor * tolerance), "\(scale)")
    }
  }

  @Test(
    "Examples without a gradient are named, and score zero", arguments: Setup.all, Method.allCases)
  func zeroRows(setup: Setup, method: Method) throws {
    let places = [1, 4]
    let problem = problem().mapping { block in
      var block = block
      for row in places {
        block.gradients[row: row] = ArraySlice(repeating: 0, count: block.gradients.columns)
      }
      return block
    }
    let curvature = try setup.curvature(of: problem, [method.estimator(for: problem)])
    #expect(curvature.warnings.count == 1)
    let warning = try #require(curvature.warnings.first)
    #expect(warning.contains("2 examples") && warning.contains("rows 1, 4"))
    let scores = try #require(
      try curvature.scores(of: problem.queries(setup.precision)).first)
    #expect(scores.warnings.contains(warning))
    let influence = try #require(try curvature.selfInfluence().first?.values)
    // Eigenvectors touch such examples by rounding.
    let rounding = try problem.expectedScores(method, .double).tolerance
    let selfRounding = try problem.expectedSelfInfluence(method, .double).tolerance
    for row in places {
      for query in 0..<scores.queryCount {
        expectClose(scores.values[query, row], 0.0, bound: .absolute(rounding))
      }
      expectClose(influence[row], 0.0, bound: .absolute(selfRounding))
      let certificate = try #require(scores.certificate)
      for query in 0..<scores.queryCount {
        #expect(
          abs(scores.values[query, row]) <= certificate.errorBound(query: query, example: row))
      }
    }
  }

  @Test("Progress goes from 0 to 1 in each stage", arguments: [2, 11])
  func progress(blocks: Int) throws {
    let problem = Problem(
      blocks: (0..<blocks).map {
        .random("b\($0)", shape: [5], rows: 8, .flat, seed: UInt64($0))
      })
    let log = ProgressLog()
    let curvature = try Curvature(
      fitting: [DataInf()], on: problem.training(.single), progress: log.handler)
    _ = try curvature.scores(of: problem.queries(.single), progress: log.handler)
    _ = try curvature.selfInfluence(progress: log.handler)
    _ = try BlockSpectrum.all(of: problem.training(.single), progress: log.handler)
    #expect(log.stages == ["fitting", "scoring", "self-influence", "decomposing"])
    for stage in log.stages {
      let fractions = log.fractions(of: stage)
      #expect(fractions.first == 0 && fractions.last == 1)
      #expect(fractions == fractions.sorted())
    }
    #expect(curvature.seconds >= 0)
  }
}
