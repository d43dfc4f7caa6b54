import Foundation
import InfluenceKit
import TestSupport
import Testing

@Suite("Conjugate gradients by passes")
struct PreconditionedConjugateGradientTests {
  typealias Precision = CurvatureOptions.Precision
  typealias Preconditioner = PreconditionedConjugateGradient.Preconditioner

  /// Those that need nothing beside the gradients.
  static let preconditioners: [Preconditioner] = [.none, .dataInf, .correctedShampoo]

  /// Eighteen examples, wider and narrower than that.
  static let widths = [26, 9]

  private func problem(
    _ width: Int, _ spectrum: Spectrum = .flat, queries: Int = 5
  ) -> Problem {
    var block = Problem.Block.random(
      "layer.weight", shape: [width], rows: 18, spectrum, seed: 31)
    if queries != 5 {
      var generator = SeededGenerator(seed: 32)
      block.queries = Matrix<Double>.normal(queries, width, using: &generator).inSingles
    }
    return Problem(blocks: [block])
  }

  private func scores(
    of problem: Problem, _ precision: Precision, _ estimator: PreconditionedConjugateGradient
  ) throws -> Scores {
    let all = try Setup(precision: precision, side: .query).scores(of: problem, [estimator])
    return try #require(all.first)
  }

  /// What single precision leaves of a residual: the rounding of x alone is ulp(1)·‖x‖ ≤ ulp(1)·‖v‖/λ,
  /// which F + λI makes ulp(1)·κ·‖v‖; see ``NaiveBlock/residualTolerance(_:residual:queryNorm:_:)``.
  private func floor(_ block: NaiveBlock, _ precision: Precision) -> Double {
    block.rounding(precision) * block.condition
  }

  @Test(
    "The residual is below the tolerance, and scores within the certificate of exact",
    arguments: Precision.allCases, Spectrum.allCases)
  func tolerance(precision: Precision, spectrum: Spectrum) throws {
    for (width, preconditioner) in Self.widths.flatMap({ width in
      Self.preconditioners.map { (width, $0) }
    }) {
      let problem = problem(width, spectrum)
      let block = try #require(problem.naive.first)
      let tolerance = max(1e-3, precision == .single ? floor(block, precision) : 0)
      let found = try scores(
        of: problem, precision,
        PreconditionedConjugateGradient(tolerance: tolerance, preconditioner: preconditioner))
      #expect(found.warnings.isEmpty)
      let certificate = try #require(found.certificate)
      let (exact, rounding) = try problem.expectedScores(.exact, precision)
      for query in 0..<problem.queryCount {
        #expect(certificate.relativeResiduals[query] <= tolerance)
        for example in 0..<problem.exampleCount {
          #expect(
            (found.values[query, example] - exact[query, example]).magnitude
              <= certificate.errorBound(query: query, example: example) + rounding)
        }
      }
      let convergence = try #require(found.convergence.first)
      #expect(convergence.block == "layer.weight" && convergence.queryCount == 5)
      #expect(convergence.passes >= convergence.steps * (preconditioner == .dataInf ? 2 : 1) + 1)
      #expect(convergence.worst.count == convergence.median.count)
      let last = try #require(convergence.worst.last)
      // The one is measured in the precision of products, the other in double precision.
      let measured = try #require(certificate.relativeResiduals(block: 0).max())
      #expect(
        abs(last - measured)
          <= 1e-12 + (precision == .single ? 1e-2 * tolerance : 1e-9 * measured))
      #expect(zip(convergence.median, convergence.worst).allSatisfy { $0 <= $1 })
    }
  }

  @Test("One query is textbook conjugate gradients from zero", arguments: widths, 1...5)
  func textbook(width: Int, steps: Int) throws {
    let problem = problem(width, queries: 1)
    let block = try #require(problem.naive.first)
    let found = try scores(
      of: problem, .double,
      PreconditionedConjugateGradient(tolerance: 0, maximumSteps: steps))
    let expected = Self.textbook(block, steps: steps)
    // Five steps amplify rounding by no more than κ each, and κ is below 10·d + 1 = 261.
    expectClose(
      found.values, block.scores(of: expected),
      bound: .absolute(
        Double(steps) * block.condition
          * block.scoreTolerance(.exact, block.scores(of: expected), .double)))
    #expect(found.convergence.first?.steps == steps)
    #expect(found.convergence.first?.passes == steps + 1)
    #expect(found.warnings.count == 1)
  }

  /// Hestenes and Stiefel with d × d matrices, from x = 0.
  private static func textbook(_ block: NaiveBlock, steps: Int) -> Matrix<Double> {
    var x = Matrix<Double>.zeros(1, block.width)
    var r = block.queries
    var p = r
    for _ in 0..<steps {
      let image = Naive.product(p, block.shifted)
      let squared = NaiveBlock.dot(r.elements, r.elements)
      let length = squared / NaiveBlock.dot(p.elements, image.elements)
      x = Naive.sum(x, p, scale: length)
      r = Naive.sum(r, image, scale: -length)
      p = Naive.sum(r, p, scale: NaiveBlock.dot(r.elements, r.elements) / squared)
    }
    return x
  }

  @Test("A block is the best in its Krylov space", arguments: widths, 1...3)
  func galerkin(width: Int, steps: Int) throws {
    // From its definition: x in the span of all V·Aʲ, j < steps, with a residual orthogonal to it.
    let problem = problem(width, queries: 2)
    let block = try #require(problem.naive.first)
    var rows: [Double] = []
    var power = block.queries
    for _ in 0..<steps {
      rows += power.elements
      power = Naive.product(power, block.shifted).scaled(by: 1 / block.largestEigenvalue)
    }
    let basis = Matrix(rows: 2 * steps, columns: width, elements: rows)
    let inner = Naive.product(Naive.product(basis, block.shifted), Naive.transpose(basis))
    let right = Naive.product(basis, Naive.transpose(block.queries))
    let coefficients = try #require(Naive.solve(inner, right))
    let expected = block.scores(of: Naive.product(Naive.transpose(coefficients), basis))
    let found = try scores(
      of: problem, .double, PreconditionedConjugateGradient(tolerance: 0, maximumSteps: steps))
    // The basis of powers has a condition of κ^steps at most, squared in `inner`; κ < 300.
    let tolerance = pow(block.condition, 2 * Double(steps - 1)) * block.rounding(.double)
    expectClose(
      found.values, expected,
      bound: .absolute(tolerance * block.condition * expected.largestRow))
  }

  @Test("As many steps as eigenvalues are enough", arguments: [1, 4, 20])
  func fewEigenvalues(queries: Int) throws {
    // Two non-zero eigenvalues of F, and zero: three of F + λI.
    var gradients = Matrix<Double>.zeros(8, 12)
    for row in 0..<8 { gradients[row, row % 4] = row % 4 < 2 ? 1 : 3 }
    var generator = SeededGenerator(seed: 3)
    let problem = Problem(
      gradients: gradients, queries: .normal(queries, 12, using: &generator))
    let found = try scores(
      of: problem, .double, PreconditionedConjugateGradient(tolerance: 1e-10))
    #expect(found.warnings.isEmpty)
    #expect(try #require(found.convergence.first).steps <= (queries == 20 ? 1 : 3))
    #expect(try #require(found.certificate).relativeResiduals.allSatisfy { $0 <= 1e-10 })
  }

  @Test("No more steps than the rank and one, in any spectrum", arguments: Spectrum.allCases)
  func rank(spectrum: Spectrum) throws {
    for width in Self.widths {
      // Twelve digits are more than rounding leaves to the recurrence in the steps that a spread
      // spectrum takes; six are not.
      let found = try scores(
        of: problem(width, spectrum), .double, PreconditionedConjugateGradient(tolerance: 1e-6))
      #expect(found.warnings.isEmpty)
      #expect(try #require(found.convergence.first).steps <= min(18, width) + 1)
    }
  }

  @Test(
    "Equal, dependent and zero queries break nothing", arguments: Precision.allCases,
    Self.preconditioners)
  func dependent(precision: Precision, preconditioner: Preconditioner) throws {
    for width in Self.widths {
      var problem = problem(width, queries: 20)
      for column in 0..<width {
        let first = problem.blocks[0].queries[0, column]
        problem.blocks[0].queries[1, column] = first
        problem.blocks[0].queries[2, column] = -4 * first
        problem.blocks[0].queries[3, column] = 0
        problem.blocks[0].queries[4, column] = first + problem.blocks[0].queries[5, column]
      }
      problem.blocks[0].queries = problem.blocks[0].queries.inSingles
      let found = try scores(
        of: problem, precision,
        PreconditionedConjugateGradient(preconditioner: preconditioner))
      #expect(found.warnings.count == 1 && found.warnings[0].contains("zero gradient"))
      #expect(try #require(found.certificate).relativeResiduals.allSatisfy { $0 <= 1e-3 })
      #expect(found.values[row: 3].allSatisfy { $0 == 0 })
      // Equal queries have equal residuals in every step, and so equal answers, to rounding.
      let block = try #require(problem.naive.first)
      let tolerance = block.scoreTolerance(.exact, found.values, precision)
      expectClose(
        Array(found.values[row: 1]), Array(found.values[row: 0]), bound: .absolute(tolerance))
    }
  }

  @Test("Queries of zeros alone take no step", arguments: Precision.allCases)
  func zeros(precision: Precision) throws {
    var problem = problem(26)
    problem.blocks[0].queries = .zeros(3, 26)
    let found = try scores(of: problem, precision, PreconditionedConjugateGradient())
    #expect(found.values.elements.allSatisfy { $0 == 0 })
    #expect(found.warnings.count == 1 && found.warnings[0].contains("zero gradient"))
    #expect(found.convergence.map(\.steps) == [0])
    #expect(found.convergence.first?.worst == [0])
  }

  @Test("Self-influence is exact within the tolerance", arguments: Precision.allCases, widths)
  func selfInfluence(precision: Precision, width: Int) throws {
    let problem = problem(width)
    let block = try #require(problem.naive.first)
    let tolerance = 1e-3
    let found = try Setup(precision: precision, side: .query).selfInfluence(
      of: problem, PreconditionedConjugateGradient(tolerance: tolerance))
    let (exact, rounding) = try problem.expectedSelfInfluence(.exact, precision)
    // |gᵀ(x − x*)| ≤ ‖(F + λI)⁻¹g‖·‖r‖ ≤ √n/(2√λ)·tolerance·‖g‖.
    let factor = Double(block.exampleCount).squareRoot() / (2 * block.lambda.squareRoot())
    expectClose(
      found, exact,
      bound: .absolute(rounding + tolerance * factor * block.gradients.largestRow))
  }

  @Test("Steps that run out are reported with the residual", arguments: Precision.allCases)
  func outOfSteps(precision: Precision) throws {
    let found = try scores(
      of: problem(26), precision,
      PreconditionedConjugateGradient(tolerance: 1e-6, maximumSteps: 2))
    let warning = try #require(found.warnings.first)
    let worst = try #require(found.convergence.first?.worst.last)
    #expect(found.warnings.count == 1)
    #expect(warning.contains("layer.weight") && warning.contains("2 steps"))
    #expect(warning.contains("\(worst)"))
    #expect(found.convergence.first?.worst.count == 3)
  }

  @Test("A tolerance below the precision of products is reported, and the answer stands")
  func atPrecision() throws {
    let found = try scores(
      of: problem(26), .single, PreconditionedConjugateGradient(tolerance: 1e-12))
    #expect(found.warnings.count == 1)
    #expect(found.warnings.first?.contains("precision") == true)
    let block = try #require(problem(26).naive.first)
    #expect(
      try #require(found.certificate).relativeResiduals.allSatisfy {
        $0 <= floor(block, .single)
      })
  }

  @Test("The query side whatever is asked for, and nothing in memory", arguments: Side.allCases)
  func side(side: Side) throws {
    let problem = problem(26)
    let curvature = try Curvature(
      fitting: [PreconditionedConjugateGradient()], on: problem.training(.single),
      options: CurvatureOptions(
        costModel: CostModel(request: side == .score ? .score : .query), memoryBudget: 0))
    #expect(curvature.choices(forEstimator: 0).map { $0?.side } == [.query])
    #expect(try curvature.scores(of: problem.queries(.single)).first?.warnings.isEmpty == true)
    let error = #expect(throws: InfluenceError.self) {
      _ = try Curvature(
        fitting: [ExactFisher()], on: problem.training(.single),
        options: CurvatureOptions(
          costModel: CostModel(request: .score), memoryBudget: 0))
    }
    #expect(error?.description.contains("pcg") == true)
  }

  @Test("Any number of threads gives the same")
  func threads() async {
    // In a process of its own: see InvarianceTests.
    await #expect(processExitsWith: .success) {
      let suite = PreconditionedConjugateGradientTests()
      let problem = suite.problem(26, queries: 20)
      for precision in Precision.allCases {
        Parallelism.threads = 1
        let one = try suite.scores(of: problem, precision, PreconditionedConjugateGradient())
        Parallelism.threads = 2
        let two = try suite.scores(of: problem, precision, PreconditionedConjugateGradient())
        // LAPACK may add in another order, which moves steps by rounding: both are certified.
        let (a, b) = (try #require(one.certificate), try #require(two.certificate))
        for query in 0..<20 {
          for example in 0..<18 {
            #expect(
              (one.values[query, example] - two.values[query, example]).magnitude
                <= a.errorBound(query: query, example: example)
                + b.errorBound(query: query, example: example))
          }
        }
      }
    }
  }

  @Test(
    "Settings out of range are refused",
    arguments: [
      "pcg:tolerance=1", "pcg:tolerance=-1", "pcg:tolerance=nan", "pcg:steps=0",
      "pcg:preconditioner=jacobi", "pcg:depth=3", "pcg:steps=x",
    ])
  func refused(specification: String) {
    let error = #expect(throws: InfluenceError.self) {
      let estimator = try EstimatorCatalog.estimator(specification)
      _ = try Setup(precision: .double, side: .query).curvature(of: problem(9), [estimator])
    }
    guard case .invalidSetting("pcg", _, _)? = error else {
      Issue.record("\(String(describing: error))")
      return
    }
  }
}
