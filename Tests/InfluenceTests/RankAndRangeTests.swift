import Foundation
import InfluenceKit
import TestSupport
import Testing

/// Matrices that are singular but for rounding, and products that underflow, are said.
@Suite("Rank and range")
struct RankAndRangeTests {
  /// The message of an error.
  private func message(_ body: () throws -> Void) -> String {
    do {
      try body()
      return "no error"
    } catch {
      return "\(error)"
    }
  }

  @Test("A singular Hessian says its rank, whichever pivot hides it", arguments: 2...6)
  func hessian(order: Int) throws {
    // H = QΛQᵀ with one eigenvalue of zero and no small pivot.
    var generator = SeededGenerator(seed: UInt64(order))
    let random = Matrix<Double>.normal(order, order, using: &generator)
    let basis = try SymmetricEigendecomposition(
      decomposing: Matrix(product: random.view, random.transposed)
    ).vectors
    var scaled = basis
    scaled.scaleRows(by: (0..<order).map { Double($0) })
    let hessian = Matrix(product: basis.transposed, scaled.view)
    let gradients = Matrix<Float>(converting: Matrix<Double>.normal(8, order, using: &generator))
    let training = GradientStore(blocks: [("a", [order], gradients)]).with(
      Companions(curvature: StoredCurvature(hessian: hessian)))
    let text = message {
      _ = try Curvature(
        fitting: [ExactHessian()], on: training, options: CurvatureOptions(damping: .absolute(0))
      ).scores(of: GradientStore(blocks: [("a", [order], gradients)]))
    }
    #expect(text.contains("rank is \(order - 1)") && text.contains("condition"), "\(text)")
  }

  @Test("Without damping a Fisher matrix of repeated columns says its rank")
  func repeatedColumns() throws {
    var generator = SeededGenerator(seed: 3)
    let columns = Matrix<Double>.normal(20, 3, using: &generator)
    var rows: [Float] = []
    for row in 0..<20 {
      let values = columns[row: row].map { Float($0) }
      rows += values + [values[0]]
    }
    let store = GradientStore(blocks: [("a", [4], Matrix(rows: 20, columns: 4, elements: rows))])
    let text = message {
      _ = try Curvature(
        fitting: [ExactFisher()], on: store,
        options: CurvatureOptions(damping: .absolute(0), precision: .double)
      ).scores(of: store)
    }
    #expect(text.contains("rank is 3"), "\(text)")
  }

  @Test(
    "Queries whose products underflow are refused in single precision, and scored in double",
    arguments: ["cosine", "datainf", "hessian-free", "exact"])
  func underflow(method: String) throws {
    var generator = SeededGenerator(seed: 4)
    func store(_ name: String, _ rows: Int, _ size: Float) -> GradientStore {
      let values = Matrix<Float>.normal(rows, 6, using: &generator).elements.map { size * $0 }
      return GradientStore(
        name: name, blocks: [("a", [6], Matrix(rows: rows, columns: 6, elements: values))])
    }
    let training = store("training", 10, 1e-14)
    let queries = store("queries", 2, 1e-30)
    let estimator = try EstimatorCatalog.estimator(method)
    func scores(_ precision: CurvatureOptions.Precision) throws -> Scores {
      try Curvature(
        fitting: [estimator], on: training, options: CurvatureOptions(precision: precision)
      ).scores(of: queries)[0]
    }
    #expect(message { _ = try scores(.single) }.contains("too small"))
    #expect(try scores(.double).values.elements.contains { $0 != 0 })
  }

  @Test(
    "A solver whose bound leaves a tenth of a score open says so, and one that has it does not",
    arguments: [("cg", true), ("pcg", true), ("lissa:tolerance=1e-6", false), ("exact", false)])
  func open(method: String, isShortOfDamping: Bool) throws {
    var generator = SeededGenerator(seed: 9)
    func store(_ name: String, _ count: Int, decades: Double) -> GradientStore {
      let elements = (0..<count * 30).map { index in
        Float(generator.normal() * pow(10, -decades * Double(index % 30) / 29))
      }
      return GradientStore(
        name: name, blocks: [("a", [30], Matrix(rows: count, columns: 30, elements: elements))])
    }
    let estimator = try EstimatorCatalog.estimator(method)
    for (damping, isOpen) in [(1e-12, isShortOfDamping), (0.1, false)] {
      let scores = try Curvature(
        fitting: [estimator], on: store("training", 100, decades: 8),
        options: CurvatureOptions(damping: .relative(damping))
      ).scores(of: store("queries", 3, decades: 8))[0]
      let largest = (0..<3).map { scores.values[row: $0].reduce(0) { max($0, abs($1)) } }
      let certificate = try #require(scores.certificate)
      let isBounded = zip(certificate.errorBounds(), largest).allSatisfy { $0 <= 0.1 * $1 }
      #expect(isBounded != isOpen)
      let isTold = scores.warnings.contains {
        $0.hasPrefix(estimator.name) && ($0.contains("not certain") || $0.contains("above"))
      }
      #expect(isTold == isOpen, "\(scores.warnings)")
    }
  }

  @Test("Columns of a table that make each other up are refused, however they are scaled")
  func table() throws {
    var generator = SeededGenerator(seed: 5)
    let count = 30
    let celsius = (0..<count).map { _ in (10 + 20 * generator.uniform()).rounded() }
    for scale in [1.8, 1e-6, 1e6] {
      let features = Matrix(
        rows: count, columns: 3, elements: celsius.flatMap { [$0, $0 * scale + 32 * scale, 1] })
      #expect(throws: FactorizationError.self) {
        _ = try RidgeRegression(
          features: features, targets: celsius.map { $0 + generator.normal() }, penalty: 0)
      }
    }
    let other = (0..<count).map { _ in generator.normal() }
    let independent = Matrix(
      rows: count, columns: 3,
      elements: zip(celsius, other).flatMap { [$0, $0 + 1e-3 * $1, 1] })
    _ = try RidgeRegression(features: independent, targets: other, penalty: 0)
  }

  @Test("Factors that cannot be a model's are refused with what is wrong")
  func factors() throws {
    var generator = SeededGenerator(seed: 6)
    let random = Matrix<Double>.normal(3, 3, using: &generator)
    let activations = Matrix(product: random.view, random.transposed)
    let basis = try SymmetricEigendecomposition(decomposing: activations).vectors
    let rows = Matrix<Float>(converting: Matrix<Double>.normal(9, 6, using: &generator))
    func problem(_ change: (inout KroneckerFactors) -> Void) -> String {
      var factors = KroneckerFactors(
        activations: activations, outputGradients: .identity(2), activationBasis: basis,
        outputBasis: .identity(2), eigenvalues: Matrix(repeating: 1, rows: 2, columns: 3))
      change(&factors)
      let store = GradientStore(blocks: [("w", [2, 3], rows)]).with(
        Companions(curvature: StoredCurvature(kronecker: [(block: "w", factors: factors)])))
      return message { _ = try Curvature(fitting: [EKFAC()], on: store) }
    }
    #expect(problem { _ in } == "no error")
    #expect(
      problem { $0.activationBasis = Matrix(basis.transposed) }.contains("one eigenvector per row"))
    #expect(problem { $0.activationBasis = .zeros(3, 3) }.contains("not orthonormal"))
    #expect(problem { $0.activationBasis = .identity(3) }.contains("does not diagonalise"))
    #expect(problem { $0.activations[0, 1] += 1 }.contains("not symmetric"))
    #expect(problem { $0.outputGradients[1, 1] = -1 }.contains("negative"))
    #expect(problem { $0.eigenvalues = .zeros(2, 3) }.contains("all are zero"))
    let negative = Matrix<Double>(repeating: -1, rows: 2, columns: 3)
    #expect(problem { $0.eigenvalues = negative }.contains("negative"))
  }
}
