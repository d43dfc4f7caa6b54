import InfluenceKit
import TestSupport
import Testing

/// Conjugate gradients with EK-FAC or corrected Shampoo before the residuals.
@Suite("Conjugate gradients from EK-FAC's answer")
struct EKFACConjugateGradientTests {
  typealias Precision = CurvatureOptions.Precision

  private let maps = KroneckerFactoredTests.maps
  private let problem: Problem
  private let curvature: StoredCurvature

  init() {
    problem = Problem(
      blocks: maps.map {
        Problem.Block(
          name: $0.name, shape: [$0.outputs, $0.inputs], gradients: $0.gradients,
          queries: $0.queries)
      })
    curvature = StoredCurvature(
      kronecker: maps.map { ($0.name, $0.factors) }, metadata: ["fisher": "empirical"])
  }

  private func scores(
    _ estimator: any Estimator, _ precision: Precision = .double, certifies: Bool = true
  ) throws -> Scores {
    try Curvature(
      fitting: [estimator], on: problem.training(precision).with(curvature: curvature),
      options: CurvatureOptions(
        damping: problem.damping, certifies: certifies, precision: precision)
    ).scores(of: problem.queries(precision))[0]
  }

  /// EK-FAC's M of one map, by a d × d matrix.
  private func inverse(_ map: KroneckerFactoredTests.Map, _ lambda: Double) throws -> Matrix<Double>
  {
    let (vectors, _) = map.basis()
    var shifted = map.matrix(vectors, map.secondMoments(in: vectors))
    for index in 0..<shifted.rows { shifted[index, index] += lambda }
    return try #require(Naive.inverse(shifted))
  }

  @Test("Few steps are textbook conjugate gradients with M before the residual", arguments: 1...4)
  func textbook(steps: Int) throws {
    var expected = Matrix<Double>.zeros(1, 30)
    var tolerance = 0.0
    for (map, block) in zip(maps, problem.naive) {
      let x = Self.textbook(
        block, first: block.queries.rows([0]), try inverse(map, block.lambda), steps: steps)
      let part = block.scores(of: x)
      expected = Naive.sum(expected, part)
      tolerance +=
        Double(steps) * block.condition * block.scoreTolerance(.exact, part, .double)
    }
    var one = self
    one.keepFirstQuery()
    let found = try one.scores(EKFACConjugateGradient(tolerance: 0, maximumSteps: steps))
    expectClose(found.values, expected, bound: .absolute(tolerance))
    #expect(found.convergence.allSatisfy { $0.steps == steps && $0.passes == steps + 1 })
  }

  private mutating func keepFirstQuery() {
    self = EKFACConjugateGradientTests(
      problem: problem.mapping { block in
        var block = block
        block.queries = block.queries.rows([0])
        return block
      }, curvature: curvature)
  }

  private init(problem: Problem, curvature: StoredCurvature) {
    (self.problem, self.curvature) = (problem, curvature)
  }

  /// From x = 0 with d × d matrices: z = M·r, and directions made of z.
  private static func textbook(
    _ block: NaiveBlock, first: Matrix<Double>, _ inverse: Matrix<Double>, steps: Int
  ) -> Matrix<Double> {
    var x = Matrix<Double>.zeros(1, block.width)
    var r = first
    var z = Naive.product(r, inverse)
    var p = z
    for _ in 0..<steps {
      let image = Naive.product(p, block.shifted)
      let product = NaiveBlock.dot(r.elements, z.elements)
      let length = product / NaiveBlock.dot(p.elements, image.elements)
      x = Naive.sum(x, p, scale: length)
      r = Naive.sum(r, image, scale: -length)
      z = Naive.product(r, inverse)
      p = Naive.sum(z, p, scale: NaiveBlock.dot(r.elements, z.elements) / product)
    }
    return x
  }

  @Test("Comes to the exact scores, within its certificate", arguments: Precision.allCases)
  func exact(precision: Precision) throws {
    for estimator in [
      EKFACConjugateGradient(), PreconditionedConjugateGradient(preconditioner: .correctedShampoo),
    ] as [any Estimator] {
      let found = try scores(estimator, precision)
      let certificate = try #require(found.certificate)
      let (exact, rounding) = try problem.expectedScores(.exact, precision)
      #expect(found.warnings.isEmpty)
      for query in 0..<problem.queryCount {
        #expect(certificate.relativeResiduals[query] <= 1e-3)
        for example in 0..<problem.exampleCount {
          #expect(
            (found.values[query, example] - exact[query, example]).magnitude
              <= certificate.errorBound(query: query, example: example) + rounding)
        }
      }
    }
  }

  /// In the norm of F + λI the first step is the best along EK-FAC's answer.
  @Test("One step is at least as near as EK-FAC's own answer")
  func firstStep() throws {
    for (map, block) in zip(maps, problem.naive) {
      let queries = block.queries.rows([0])
      let exact = try block.exact(queries)
      let factored = Naive.product(queries, try inverse(map, block.lambda))
      let step = Self.textbook(block, first: queries, try inverse(map, block.lambda), steps: 1)
      func distance(_ x: Matrix<Double>) -> Double {
        let gap = Naive.sum(x, exact, scale: -1)
        return NaiveBlock.dot(gap.elements, Naive.product(gap, block.shifted).elements)
      }
      #expect(distance(step) <= distance(factored) * (1 + 1e-12))
    }
  }

  /// Of a vector-shaped block corrected Shampoo is F + λI itself.
  @Test("A preconditioner that is exact leaves one step")
  func vector() throws {
    let problem = Problem.standard.separated[1]
    let found = try Setup(precision: .double, side: .query).scores(
      of: problem,
      [PreconditionedConjugateGradient(tolerance: 1e-8, preconditioner: .correctedShampoo)])[0]
    #expect(found.convergence.map(\.steps) == [1])
    #expect(found.warnings.isEmpty)
  }

  @Test("Without factors both are refused with what is missing")
  func missing() throws {
    for name in ["ekfac-cg", "pcg:preconditioner=ekfac"] {
      let estimator = try EstimatorCatalog.estimator(name)
      let error = #expect(throws: InfluenceError.self) {
        _ = try Curvature(
          fitting: [estimator], on: problem.training(.double), options: CurvatureOptions())
      }
      #expect("\(try #require(error))".contains("Kronecker factors"))
    }
    let estimator = try EstimatorCatalog.estimator("ekfac-cg:steps=5,tolerance=0.01")
    #expect(estimator.settings == ["steps": "5", "tolerance": "0.01"])
  }
}
