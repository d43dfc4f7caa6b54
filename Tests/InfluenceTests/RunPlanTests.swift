import InfluenceKit
import TestSupport
import Testing

@Suite("Run plans")
struct RunPlanTests {
  private func options(
    _ request: CostModel.Request = .automatic, queries: Int? = nil, certifies: Bool = false,
    precision: CurvatureOptions.Precision = .single, budget: Int? = nil
  ) -> CurvatureOptions {
    CurvatureOptions(
      costModel: CostModel(request: request, expectedQueries: queries), certifies: certifies,
      precision: precision, memoryBudget: budget)
  }

  private func plan(
    _ method: String, n: Int = 4, m: Int = 3, d: Int = 6, blocks: Int = 1,
    _ options: CurvatureOptions
  ) throws -> RunPlan {
    RunPlan(
      RunShape(exampleCount: n, queryCount: m, columnCount: d * blocks, blockCount: blocks),
      estimators: [try EstimatorCatalog.estimator(method)], options: options)
  }

  @Test("Each formula, counted by hand for n = 4, m = 3, d = 6")
  func formulas() {
    #expect(OperationCount.norms(n: 4, d: 6) == 48)
    #expect(OperationCount.kernel(n: 4, d: 6) == 96)
    #expect(OperationCount.fisher(n: 4, d: 6) == 144)
    #expect(OperationCount.products(m: 3, n: 4, d: 6) == 144)
    #expect(OperationCount.cholesky(order: 6) == 72)
    #expect(OperationCount.eigendecomposition(order: 4) == 576)
    #expect(OperationCount.rotation(q: 2, p: 3) == 30)
    #expect(OperationCount.kernelCertificate(m: 3, n: 4) == 192)
    #expect(OperationCount.fisherCertificate(m: 3, d: 6) == 216)
  }

  /// Operations of fit and score, and passes over G.
  struct Row: Sendable {
    let method: String
    let side: Side
    let fit: Double
    let score: Double
    let passes: Double
  }

  /// The table of docs/methods.md for n = 4, m = 3, d = 6.
  static let rows: [Row] = [
    Row(method: "hessian-free", side: .score, fit: 0, score: 144, passes: 1),
    Row(method: "hessian-free", side: .query, fit: 0, score: 144, passes: 1),
    Row(method: "block-normalized", side: .score, fit: 0, score: 144, passes: 1),
    Row(method: "datainf", side: .score, fit: 96, score: 240, passes: 2),
    Row(method: "datainf", side: .query, fit: 0, score: 432, passes: 2),
    Row(method: "exact", side: .score, fit: 96 + 64.0 / 3, score: 240, passes: 2),
    Row(method: "exact", side: .query, fit: 216, score: 360, passes: 2),
    Row(method: "lissa", side: .score, fit: 672, score: 336, passes: 2),
    Row(method: "lissa", side: .query, fit: 2088, score: 576, passes: 2),
    Row(method: "cg:steps=1", side: .score, fit: 96, score: 240, passes: 2),
    Row(method: "cg:steps=1", side: .query, fit: 144, score: 360, passes: 2),
  ]

  @Test("The table of methods, without and with a certificate", arguments: rows)
  func table(_ row: Row) throws {
    let (method, side, fit, score, passes) = (row.method, row.side, row.fit, row.score, row.passes)
    let request: CostModel.Request = side == .score ? .score : .query
    let plan = try plan(method, options(request))
    func operations(_ plan: RunPlan, _ name: RunStage.Name) -> Double {
      plan.stages.first { $0.name == name }?.operations ?? 0
    }
    #expect(abs(operations(plan, .fit) - fit) < 1e-9)
    #expect(operations(plan, .score) == score)
    #expect(plan.passes == passes)
    #expect(plan.bytesRead == passes * 96)
    let certified = try self.plan(method, options(request, certifies: true))
    let needsFisher = side == .query && fit > 0
    // What aims at the exact scores is measured and corrected by two more products in double precision.
    let isMeasured = method == "exact" || method == "lissa" || method.hasPrefix("cg")
    #expect(
      operations(certified, .score) - score
        == (side == .score ? 192 : needsFisher ? 216 : 144) + (isMeasured ? 288 : 0))
  }

  @Test("Bytes, counted by hand")
  func bytes() throws {
    // K, its factor and three quarters of a K as a sum of panels: 352 bytes in each of two blocks.
    let exact = try plan("exact", blocks: 2, options(.score, budget: 351))
    #expect(exact.shape.storeBytes == 2 * 4 * 6 * 4)
    // K and its factor, 4 × 4 doubles, in two blocks; 3 × 4 scores.
    #expect(exact.gramBytes == 2 * 2 * 16 * 8)
    #expect(exact.queriesAtATime == 1 && exact.scoreBytes == 32)
    // Recorded norms are mapped; certificates take two factors for each of 4 examples in two blocks.
    #expect(exact.normBytes == 0)
    #expect(
      try plan("exact", blocks: 2, options(.score, certifies: true)).normBytes == 2 * 8 * 4 * 2)
    #expect(
      exact.peakBytes
        == exact.heldBytes + exact.normBytes + exact.scoreBytes + exact.bufferBytes)
    #expect(!exact.starts && !exact.fits && !exact.keepsBlocks)
    let tight = try plan("exact", blocks: 2, options(.score, budget: 352))
    #expect(tight.starts && !tight.fits && !tight.keepsBlocks && tight.heldBytes == 352)
    let ample = try plan("exact", blocks: 2, options(.score, budget: 4096))
    #expect(ample.starts && ample.fits && ample.keepsBlocks && ample.heldBytes == 512)
    for bytes in [352, 600, 800, ample.peakBytes - 1, ample.peakBytes, 4096] {
      let plan = try plan("exact", blocks: 2, options(.score, budget: bytes))
      #expect(plan.starts && plan.fits == (plan.peakBytes <= bytes))
    }
    #expect(try plan("datainf", options(.query)).gramBytes == 0)
    #expect(try plan("exact", options(.query)).gramBytes == 2 * 36 * 8)
    let half = RunShape(
      exampleCount: 4, queryCount: 3, columnCount: 6, blockCount: 1, elementType: .float16)
    #expect(half.storeBytes == 48)
    let small = RunShape(
      exampleCount: 4, queryCount: 3, columnCount: 6, blockCount: 2, elementType: .int8)
    #expect(small.storeBytes == 4 * (6 + 2 * 4))
  }

  @Test("Absurd sizes are counted, not overflowed")
  func absurd() throws {
    let large = 1_000_000_000
    for method in EstimatorCatalog.names {
      let plan = try plan(method, n: large, m: large, d: 10_000, blocks: 1000, options(.score))
      #expect(plan.gramBytes >= 0 && plan.peakBytes > 0 && plan.operations.isFinite)
      let takesMatrices = ["datainf", "lissa", "cg", "exact", "relatif-l", "logra"]
      #expect(!plan.starts || !takesMatrices.contains(method))
      // What is made some examples at a time fits for any number of them.
      #expect(plan.fits == (plan.examplesAtATime != nil))
      #expect(plan.examplesAtATime == nil || !takesMatrices.contains(method))
    }
  }

  /// 8 columns and 100 rows: at most 8 directions, four at a time and one step more; then the scores.
  @Test("Block conjugate gradients count a pass a step, and one for the scores")
  func passesOfBlockSolver() throws {
    let solver = PreconditionedConjugateGradient(tolerance: 1e-6, maximumSteps: 50)
    #expect(solver.expectedSteps(queries: 4, exampleCount: 100, width: 8) == 3)
    #expect(solver.expectedSteps(queries: 1, exampleCount: 100, width: 8) == 9)
    let block = try plan("pcg", n: 100, m: 4, d: 8, options(.automatic))
    let once = try plan("hessian-free", n: 100, m: 4, d: 8, options(.query))
    #expect(block.passes == once.passes + 3)
  }

  @Test(
    "A plan takes the sides that a fit takes, and refuses what it refuses",
    arguments: CurvatureOptions.Precision.allCases)
  func sides(precision: CurvatureOptions.Precision) throws {
    let problem = Problem.standard
    let training = problem.training(precision)
    let all = Method.allCases.map { $0.estimator(for: problem) }
    for estimators in all.map({ [$0] }) + [all, Array(all.reversed())] {
      for certifies in [false, true] {
        for request in CostModel.Request.allCases {
          for queries in [nil, 1, 5, 1000] {
            var options = options(
              request, queries: queries, certifies: certifies, precision: precision)
            let shape = try RunShape(training: training, queryCount: queries ?? 5)
            let plan = RunPlan(shape, estimators: estimators, options: options)
            let curvature = try Curvature(fitting: estimators, on: training, options: options)
            for index in estimators.indices {
              #expect(plan.choices[index] == curvature.choices(forEstimator: index))
            }
            guard plan.gramBytes > 0, request != .automatic else { continue }
            options.memoryBudget = 0
            #expect(throws: InfluenceError.self) {
              try Curvature(fitting: estimators, on: training, options: options)
            }
          }
        }
      }
    }
  }

  @Test("More of anything never costs less", arguments: EstimatorCatalog.names)
  func monotonic(method: String) throws {
    let machine = MachineCalibration(
      singleRate: 1e11, doubleRate: 5e10, skinnyRate: 4e10, memoryRate: 1e10,
      disk: DiskRate(bytesPerSecond: 1e9, isCold: true))
    for request in [CostModel.Request.score, .query] {
      for certifies in [false, true] {
        let options = options(request, certifies: certifies)
        let base = try plan(method, n: 200, m: 20, d: 300, blocks: 4, options)
        for larger in [
          try plan(method, n: 400, m: 20, d: 300, blocks: 4, options),
          try plan(method, n: 200, m: 40, d: 300, blocks: 4, options),
          try plan(method, n: 200, m: 20, d: 600, blocks: 4, options),
          try plan(method, n: 200, m: 20, d: 300, blocks: 8, options),
        ] {
          #expect(larger.operations > base.operations)
          // More queries search together in block conjugate gradients, and so read less often.
          let searchesTogether = ["pcg", "ekfac-cg"].contains(method)
          let readsLess = searchesTogether && larger.shape.queryCount > base.shape.queryCount
          #expect(readsLess || larger.bytesRead >= base.bytesRead)
          #expect(larger.peakBytes >= base.peakBytes)
          #expect(machine.time(of: larger).seconds >= machine.time(of: base).seconds)
        }
      }
    }
  }

  @Test("Each stage takes its longest limit, and a cached store no disk")
  func limits() throws {
    let plan = try plan("hessian-free", n: 1000, m: 1, d: 1000, options())
    var machine = MachineCalibration(
      singleRate: 1e9, doubleRate: 1e9, skinnyRate: 2e9, memoryRate: 1e30,
      disk: DiskRate(bytesPerSecond: 4e5, isCold: true))
    let time = machine.time(of: plan)
    #expect(time.stages.map(\.limit) == [.disk])
    #expect(time.seconds == 10)
    let cached = machine.time(of: plan, isCached: true)
    #expect(cached.stages.map(\.limit) == [.arithmetic])
    #expect(abs(cached.seconds - 1e-3) < 1e-9)
    machine.memoryRate = 1e6
    #expect(machine.time(of: plan, isCached: true).stages.map(\.limit) == [.memory])
  }
}
