import Foundation
import InfluenceKit
import TestSupport
import Testing

/// Exact second derivatives from the file beside the gradients.
@Suite("Exact Hessian and Gauss–Newton matrix")
struct SecondOrderTests {
  private let folder: TemporaryDirectory

  init() throws { folder = try TemporaryDirectory() }

  private static func estimator(_ kind: StoredCurvature.SecondDerivative) -> any Estimator {
    kind == .hessian ? ExactHessian() : ExactGaussNewton()
  }

  private func curvature(
    hessian: Matrix<Double>?, gaussNewton: Matrix<Double>? = nil
  ) throws -> StoredCurvature {
    let own = folder.file(UUID().uuidString)
    try FileManager.default.createDirectory(at: own, withIntermediateDirectories: true)
    try StoredCurvature(hessian: hessian, gaussNewton: gaussNewton).write(to: own)
    return try StoredCurvature(opening: own.appending(path: StoredCurvature.fileName))
  }

  /// A symmetric matrix over all columns of a problem, positive definite or not.
  private func matrix(of problem: Problem, negative: Int = 0) -> Matrix<Double> {
    var generator = SeededGenerator(seed: 5, stream: 6)
    let width = problem.blocks.reduce(0) { $0 + $1.gradients.columns }
    let values = (0..<width).map { Double($0 + 1) * ($0 < negative ? -1 : 1) }
    let basis = Matrix<Double>.randomOrthogonal(width, using: &generator)
    var scaled = basis
    for row in 0..<width {
      for column in 0..<width { scaled[row, column] *= values[row] }
    }
    return Naive.product(Naive.transpose(basis), scaled)
  }

  private func scores(
    _ problem: Problem, _ curvature: StoredCurvature?, _ estimator: any Estimator
  ) throws -> Scores {
    try Curvature(
      fitting: [estimator], on: problem.training(.double).with(curvature: curvature),
      options: CurvatureOptions(damping: problem.damping, precision: .double)
    ).scores(of: problem.queries(.double))[0]
  }

  /// The diagonal blocks of the matrix, each with its own damping.
  private func expected(_ problem: Problem, _ matrix: Matrix<Double>) throws -> Matrix<Double> {
    var scores = Matrix<Double>.zeros(problem.queryCount, problem.exampleCount)
    var first = 0
    for block in problem.naive {
      var part = Matrix<Double>.zeros(block.width, block.width)
      for row in 0..<block.width {
        for column in 0..<block.width { part[row, column] = matrix[first + row, first + column] }
        part[row, row] += block.lambda
      }
      let inverse = try #require(Naive.inverse(part))
      scores = Naive.sum(scores, block.scores(of: Naive.product(block.queries, inverse)))
      first += block.width
    }
    return scores
  }

  @Test(
    "Each block takes its part of the matrix", arguments: StoredCurvature.SecondDerivative.allCases)
  func blocks(kind: StoredCurvature.SecondDerivative) throws {
    let problem = Problem.standard
    let matrix = matrix(of: problem)
    let stored =
      kind == .hessian
      ? try curvature(hessian: matrix) : try curvature(hessian: nil, gaussNewton: matrix)
    let found = try scores(problem, stored, Self.estimator(kind))
    #expect(found.warnings.isEmpty)
    // Condition numbers stay below 100.
    expectClose(found.values, try expected(problem, matrix), bound: .relative(1e-11))
  }

  @Test("The Fisher matrix in the place of the Hessian gives exact scores")
  func fisher() throws {
    let problem = Problem.standard.separated[0]
    let stored = try curvature(hessian: problem.naive[0].fisher)
    let exact = try scores(problem, nil, ExactFisher())
    expectClose(
      try scores(problem, stored, ExactHessian()).values, exact.values,
      bound: .relative(1e-12 * problem.naive[0].condition))
  }

  @Test("An indefinite matrix is solved, and said to be indefinite")
  func indefinite() throws {
    var problem = Problem.standard.separated[0]
    problem.damping = .absolute(0.25)
    let matrix = matrix(of: problem, negative: 3)
    let found = try scores(problem, try curvature(hessian: matrix), ExactHessian())
    #expect(found.warnings.contains { $0.contains("indefinite, 3 of 36") })
    expectClose(found.values, try expected(problem, matrix), bound: .relative(1e-10))
    // Self-influence may be negative then, and has no root.
    let error = #expect(throws: InfluenceError.self) {
      try self.scores(
        problem, try self.curvature(hessian: matrix), RelatIFLoss(base: ExactHessian()))
    }
    #expect("\(try #require(error))".contains("no root"))
  }

  @Test("No damping: exact where there is an inverse, an error where there is none")
  func noDamping() throws {
    // Ten columns, 24 rows.
    var problem = Problem.standard.separated[1]
    problem.damping = .absolute(0)
    let stored = try curvature(hessian: problem.naive[0].fisher)
    let exact = try scores(problem, stored, ExactFisher())
    #expect(exact.certificate == nil)
    let inverse = try #require(Naive.inverse(problem.naive[0].fisher))
    let expected = problem.naive[0].scores(of: Naive.product(problem.naive[0].queries, inverse))
    // Standard deviations fall by three decades, so the condition is about 10⁶.
    expectClose(exact.values, expected, bound: .relative(1e-8))
    expectClose(
      try scores(problem, stored, ExactHessian()).values, expected, bound: .relative(1e-8))
    // 36 columns, 24 rows: F has no inverse.
    var wide = Problem.standard.separated[0]
    wide.damping = .absolute(0)
    let error = #expect(throws: InfluenceError.self) {
      try self.scores(wide, nil, ExactFisher())
    }
    #expect("\(try #require(error))".contains("singular"))
    // Two equal columns: singular but for rounding.
    var equal = problem
    for row in 0..<equal.exampleCount {
      equal.blocks[0].gradients[row, 1] = equal.blocks[0].gradients[row, 0]
    }
    #expect(throws: InfluenceError.self) { try self.scores(equal, nil, ExactFisher()) }
  }

  @Test("What is missing, or of another width, is named before any work")
  func errors() throws {
    let problem = Problem.standard
    func message(_ stored: StoredCurvature?, _ kind: StoredCurvature.SecondDerivative) -> String {
      do {
        _ = try scores(problem, stored, Self.estimator(kind))
        return ""
      } catch {
        return "\(error)"
      }
    }
    #expect(message(nil, .hessian).contains("store the Hessian"))
    #expect(message(try curvature(hessian: matrix(of: problem)), .gaussNewton).contains("'ggn'"))
    #expect(message(try curvature(hessian: .identity(3)), .hessian).contains("3 × 3"))
    var bad = matrix(of: problem)
    bad[0, 0] = .nan
    #expect(message(try curvature(hessian: bad), .hessian).contains("NaN"))
  }
}
