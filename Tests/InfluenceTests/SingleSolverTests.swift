import InfluenceKit
import TestSupport
import Testing

/// Exact scores that are solved for by a factor in single precision: how far they are from those in double
/// precision, and when they are not.
@Suite("Solving in single precision")
struct SingleSolverTests {
  /// 1,040 examples with 1,030 columns: both orders are above the smallest.
  private static let problem = Problem(
    blocks: [.random("block", shape: [1030], rows: 1040, .lowRank, seed: 7)])

  private func curvature(
    _ side: CostModel.Request, _ precision: CurvatureOptions.Precision = .single,
    damping: Damping = .standard, certifies: Bool = false, inSingle: Bool = true
  ) throws -> Curvature {
    var options = CurvatureOptions(
      damping: damping, costModel: CostModel(request: side), certifies: certifies,
      precision: precision)
    options.solvesInSingle = inSingle
    return try Curvature(
      fitting: [ExactFisher()], on: Self.problem.training(precision), options: options)
  }

  private func scores(_ curvature: Curvature) throws -> Scores {
    try #require(
      try curvature.scores(of: Self.problem.queries(curvature.options.precision)).first)
  }

  /// The largest distance of a query's scores, as a share of its largest score.
  private func distance(_ one: Matrix<Double>, _ other: Matrix<Double>) -> Double {
    (0..<one.rows).map { row in
      zip(one[row: row], other[row: row]).map { abs($0 - $1) }.reduce(0, max)
        / other[row: row].map(\.magnitude).reduce(0, max)
    }.reduce(0, max)
  }

  @Test(
    "Scores are those in double precision, to the rounding of single precision times the condition",
    arguments: [CostModel.Request.score, .query], [0.1, 1, 10])
  func scores(side: CostModel.Request, share: Double) throws {
    let truth = try scores(curvature(side, .double, damping: .relative(share))).values
    let single = try scores(curvature(side, damping: .relative(share))).values
    let plain = try scores(curvature(side, damping: .relative(share), inSingle: false)).values
    // tr(F)/λ bounds the condition number; a sum of a thousand roundings seldom comes to more than its root.
    let condition = 1030 / share + 1
    #expect(distance(single, truth) <= condition * 32 * Double(Float.ulpOfOne))
    // It is another factor, not the same.
    #expect(single.elements != plain.elements)
  }

  @Test(
    "Certified scores come as near as they aim to, and the bound holds",
    arguments: [CostModel.Request.score, .query])
  func certified(side: CostModel.Request) throws {
    let truth = try scores(curvature(side, .double)).values
    let scores = try scores(curvature(side, certifies: true))
    let certificate = try #require(scores.certificate)
    for row in 0..<truth.rows {
      let largest = truth[row: row].map(\.magnitude).reduce(0, max)
      for (place, pair) in zip(scores.values[row: row], truth[row: row]).enumerated() {
        let bound = certificate.errorBound(query: row, example: place)
        // The truth has the rounding of double precision, 10⁴ times less than is aimed at.
        #expect(abs(pair.0 - pair.1) <= bound + 1e-9 * largest)
        #expect(bound <= 1e-5 * largest)
      }
    }
  }

  @Test(
    "Self-influence of such a fit is that of a factor in double precision",
    arguments: [CostModel.Request.score, .query])
  func selfInfluence(side: CostModel.Request) throws {
    let single = try #require(try curvature(side).selfInfluence().first).values
    let plain = try #require(try curvature(side, inSingle: false).selfInfluence().first).values
    for (one, other) in zip(single, plain) {
      #expect(abs(one - other) <= (side == .score ? 2e-5 : 1e-2) * other)
    }
  }

  private func plannedBytes(
    _ inSingle: Bool, damping: Damping = .standard,
    precision: CurvatureOptions.Precision = .single, certifies: Bool = false, examples: Int = 4500,
    methods: [any Estimator] = [ExactFisher()]
  ) -> Int {
    var options = CurvatureOptions(
      damping: damping, costModel: CostModel(request: .score), certifies: certifies,
      precision: precision)
    options.solvesInSingle = inSingle
    let shape = RunShape(
      exampleCount: examples, queryCount: 1, columnCount: 8192, blockCount: 1,
      elementType: .float32)
    return RunPlan(shape, estimators: methods, options: options).peakBytes
  }

  @Test("A plan counts half a matrix in the place of K and its factor, or K and half a matrix")
  func memory() {
    let matrix = 8 * 4500 * 4500
    #expect(2 * (plannedBytes(false) - plannedBytes(true)) == 3 * matrix)
    #expect(
      2 * (plannedBytes(false, certifies: true) - plannedBytes(true, certifies: true)) == matrix)
  }

  @Test("What makes a factor in single precision worse, or worth little, keeps it in double")
  func keptInDouble() {
    func isKept(
      _ damping: Damping = .standard, _ precision: CurvatureOptions.Precision = .single,
      examples: Int = 4500, methods: [any Estimator] = [ExactFisher()]
    ) -> Bool {
      let bytes = [true, false].map {
        plannedBytes(
          $0, damping: damping, precision: precision, examples: examples, methods: methods)
      }
      return bytes[0] == bytes[1]
    }
    // 8,192 columns at a share of 1/32 have a condition of 2¹⁸ at most.
    #expect(!isKept(.relative(1.0 / 32)))
    #expect(isKept(.relative(1.0 / 32.1)))
    #expect(isKept(.absolute(1)))
    #expect(isKept(.standard, .double))
    #expect(!isKept(examples: 1024))
    #expect(isKept(examples: 1023))
    // K is there for the other method, too.
    #expect(isKept(methods: [ExactFisher(), ConjugateGradient()]))
    #expect(isKept(methods: [ConjugateGradient()]))
  }
}
