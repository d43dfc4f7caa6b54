import Foundation
import InfluenceKit
import TestSupport
import Testing

/// K-FAC and EK-FAC from factors beside the gradients, against d × d matrices.
@Suite("K-FAC and EK-FAC")
struct KroneckerFactoredTests {
  /// A linear map of p inputs and q outputs under a loss: g = s·aᵀ, one per row, with its factors.
  struct Map {
    let name: String
    let outputs: Int
    let inputs: Int
    let activations: Matrix<Double>
    let outputGradients: Matrix<Double>
    let queries: Matrix<Double>

    init(_ name: String, outputs: Int, inputs: Int, rows: Int, seed: UInt64) {
      var generator = SeededGenerator(seed: seed, stream: 31)
      (self.name, self.outputs, self.inputs) = (name, outputs, inputs)
      // Correlated, and of unequal scale: K-FAC is not exact here.
      let mix = Matrix<Double>.normal(inputs, inputs, deviation: 1, using: &generator)
      activations =
        Naive.product(
          Matrix<Double>.normal(rows, inputs, deviation: 1, using: &generator), mix
        ).inSingles
      var gradients = Matrix<Double>.normal(rows, outputs, deviation: 0.2, using: &generator)
      for row in 0..<rows {
        for column in 0..<outputs { gradients[row, column] += 0.3 * activations[row, 0] }
      }
      outputGradients = gradients.rounded
      queries =
        Matrix<Double>.normal(4, outputs * inputs, deviation: 1, using: &generator).inSingles
    }

    var gradients: Matrix<Double> {
      var result = Matrix<Double>.zeros(activations.rows, outputs * inputs)
      for row in 0..<result.rows {
        for output in 0..<outputs {
          for input in 0..<inputs {
            result[row, output * inputs + input] =
              outputGradients[row, output] * activations[row, input]
          }
        }
      }
      return result
    }

    static func secondMoment(_ rows: Matrix<Double>) -> Matrix<Double> {
      Naive.product(Naive.transpose(rows), rows).scaled(by: 1 / Double(rows.rows))
    }

    var factors: KroneckerFactors {
      KroneckerFactors(
        activations: Self.secondMoment(activations),
        outputGradients: Self.secondMoment(outputGradients))
    }

    /// Q_s ⊗ Q_a, an eigenvector a row, by Jacobi rotations.
    func basis(transposed: Bool = false) -> (vectors: Matrix<Double>, values: [Double]) {
      func parts(_ matrix: Matrix<Double>) -> (values: [Double], rows: Matrix<Double>) {
        let decomposition = Naive.eigendecomposition(matrix)
        let rows = decomposition.vectors
        return (decomposition.values, transposed ? Naive.transpose(rows) : rows)
      }
      let (s, a) = (parts(factors.outputGradients), parts(factors.activations))
      var vectors = Matrix<Double>.zeros(outputs * inputs, outputs * inputs)
      var values: [Double] = []
      for i in 0..<outputs {
        for j in 0..<inputs {
          values.append(s.values[i] * a.values[j])
          for k in 0..<outputs {
            for l in 0..<inputs {
              vectors[i * inputs + j, k * inputs + l] = s.rows[i, k] * a.rows[j, l]
            }
          }
        }
      }
      return (vectors, values)
    }

    /// mean (Q·g)² in a basis of rows.
    func secondMoments(in basis: Matrix<Double>) -> [Double] {
      let coordinates = Naive.product(gradients, Naive.transpose(basis))
      return (0..<coordinates.columns).map { column in
        (0..<coordinates.rows).reduce(0) {
          $0 + coordinates[$1, column] * coordinates[$1, column]
        } / Double(coordinates.rows)
      }
    }

    /// Qᵀ·diag(values)·Q.
    func matrix(_ basis: Matrix<Double>, _ values: [Double]) -> Matrix<Double> {
      var scaled = basis
      for row in 0..<scaled.rows {
        for column in 0..<scaled.columns { scaled[row, column] *= values[row] }
      }
      return Naive.product(Naive.transpose(basis), scaled)
    }
  }

  static let maps = [
    Map("a.weight", outputs: 3, inputs: 5, rows: 30, seed: 1),
    Map("b.weight", outputs: 4, inputs: 2, rows: 30, seed: 2),
  ]

  /// The factors of some maps, and their gradients.
  private func problem(
    _ maps: [Map], corrected: Bool = false
  ) throws -> (Problem, StoredCurvature) {
    let curvature = StoredCurvature(
      kronecker: try maps.map { map in
        var factors = map.factors
        if corrected {
          let a = try SymmetricEigendecomposition(decomposing: factors.activations)
          let s = try SymmetricEigendecomposition(decomposing: factors.outputGradients)
          factors.activationBasis = a.vectors
          factors.outputBasis = s.vectors
          // Another Fisher's eigenvalues: what is stored must be used.
          factors.eigenvalues = Matrix(
            repeating: 0.5, rows: map.outputs, columns: map.inputs)
        }
        return (map.name, factors)
      }, metadata: ["fisher": "empirical"])
    let problem = Problem(
      blocks: maps.map {
        Problem.Block(
          name: $0.name, shape: [$0.outputs, $0.inputs], gradients: $0.gradients,
          queries: $0.queries)
      })
    return (problem, curvature)
  }

  private func scores(
    _ problem: Problem, _ curvature: StoredCurvature?, _ estimator: any Estimator,
    _ precision: CurvatureOptions.Precision
  ) throws -> (scores: Matrix<Double>, own: [Double]) {
    let fitted = try Curvature(
      fitting: [estimator], on: problem.training(precision).with(curvature: curvature),
      options: CurvatureOptions(damping: problem.damping, precision: precision))
    return (
      try fitted.scores(of: problem.queries(precision))[0].values,
      try fitted.selfInfluence()[0].values
    )
  }

  /// V(F̂ + λI)⁻¹Gᵀ summed over the maps, and how far rounding can move it.
  private func expected(
    _ maps: [Map], _ precision: CurvatureOptions.Precision, _ fisher: (Map) -> Matrix<Double>
  ) throws -> (scores: Matrix<Double>, own: [Double], bound: Bound) {
    var scores = Matrix<Double>.zeros(4, 30)
    var own = [Double](repeating: 0, count: 30)
    var tolerance = 0.0
    for map in maps {
      let block = NaiveBlock(
        Problem.Block(
          name: map.name, shape: [map.outputs, map.inputs], gradients: map.gradients,
          queries: map.queries))
      var shifted = fisher(map)
      let size = shifted.frobenius
      for index in 0..<shifted.rows { shifted[index, index] += block.lambda }
      let inverse = try #require(Naive.inverse(shifted))
      let moved = Naive.product(block.queries, inverse)
      scores = Naive.sum(scores, block.scores(of: moved))
      let self_ = Naive.product(block.gradients, inverse)
      for (row, value) in block.scores(of: self_).diagonal.enumerated() { own[row] += value }
      tolerance +=
        8 * block.rounding(precision) * (1 + size / block.lambda) / block.lambda
        * max(block.queries.largestRow, block.gradients.largestRow) * block.gradients.largestRow
    }
    return (scores, own, .absolute(tolerance))
  }

  @Test("K-FAC is (S ⊗ A + λI)⁻¹", arguments: CurvatureOptions.Precision.allCases)
  func kfac(precision: CurvatureOptions.Precision) throws {
    let (problem, curvature) = try problem(Self.maps)
    let found = try scores(problem, curvature, KFAC(), precision)
    let wanted = try expected(Self.maps, precision) { map in
      let basis = map.basis()
      return map.matrix(basis.vectors, basis.values)
    }
    expectClose(found.scores, wanted.scores, bound: wanted.bound)
    expectClose(found.own, wanted.own, bound: wanted.bound)
  }

  @Test(
    "EK-FAC takes second moments in the eigenbasis", arguments: CurvatureOptions.Precision.allCases)
  func ekfac(precision: CurvatureOptions.Precision) throws {
    let (problem, curvature) = try problem(Self.maps)
    let found = try scores(problem, curvature, EKFAC(), precision)
    let wanted = try expected(Self.maps, precision) { map in
      let basis = map.basis().vectors
      return map.matrix(basis, map.secondMoments(in: basis))
    }
    expectClose(found.scores, wanted.scores, bound: wanted.bound)
    expectClose(found.own, wanted.own, bound: wanted.bound)
  }

  @Test("EK-FAC takes the eigenvalues that are stored")
  func stored() throws {
    let (problem, curvature) = try problem(Self.maps, corrected: true)
    let found = try scores(problem, curvature, EKFAC(), .double)
    let wanted = try expected(Self.maps, .double) { map in
      Matrix<Double>.identity(map.outputs * map.inputs).scaled(by: 0.5)
    }
    expectClose(found.scores, wanted.scores, bound: wanted.bound)
  }

  /// Of all diagonals in the eigenbasis EK-FAC's is the nearest to F, and its trace is F's; in the
  /// transposed basis, as published elsewhere, the trace is right and the distance is not.
  @Test("Trace and Frobenius optimality, which a transposed basis fails", arguments: [0, 1])
  func optimality(index: Int) {
    let map = Self.maps[index]
    let fisher = Map.secondMoment(map.gradients)
    let (basis, kronecker) = map.basis()
    let corrected = map.secondMoments(in: basis)
    let transposedBasis = map.basis(transposed: true).vectors
    let transposed = map.secondMoments(in: transposedBasis)
    let trace = fisher.diagonal.reduce(0, +)
    #expect(abs(corrected.reduce(0, +) - trace) < 1e-12 * trace)
    #expect(abs(transposed.reduce(0, +) - trace) < 1e-12 * trace)
    func distance(_ basis: Matrix<Double>, _ values: [Double]) -> Double {
      Naive.sum(map.matrix(basis, values), fisher, scale: -1).frobenius
    }
    let best = distance(basis, corrected)
    #expect(best < distance(basis, kronecker))
    #expect(best < distance(transposedBasis, transposed))
    #expect(best < distance(basis, corrected.map { 1.01 * $0 }))
    #expect(best < distance(basis, corrected.map { $0 + 0.01 * trace / Double(corrected.count) }))
  }

  @Test("One example, repeated: K-FAC, EK-FAC and exact are the same")
  func oneExample() throws {
    let one = Map("a.weight", outputs: 3, inputs: 5, rows: 1, seed: 9)
    let (problem, curvature) = try problem([one])
    let exact = try scores(problem, curvature, ExactFisher(), .double)
    for estimator in [KFAC(), EKFAC()] as [any Estimator] {
      let found = try scores(problem, curvature, estimator, .double)
      expectClose(found.scores, exact.scores, bound: .relative(1e-9))
      expectClose(found.own, exact.own, bound: .relative(1e-9))
    }
  }

  @Test("A bias is a map of one input that is always 1")
  func bias() throws {
    var problem = Problem.standard.separated[1]
    let gradients = problem.blocks[0].gradients
    let curvature = StoredCurvature(
      kronecker: [
        (
          problem.blocks[0].name,
          KroneckerFactors(activations: .identity(1), outputGradients: Map.secondMoment(gradients))
        )
      ])
    problem.damping = .relative(1)
    // With one input A = [1], and S is F itself.
    let exact = try scores(problem, curvature, ExactFisher(), .double)
    let found = try scores(problem, curvature, KFAC(), .double)
    expectClose(found.scores, exact.scores, bound: .relative(1e-9))
  }

  @Test("Missing and misshapen factors are named before any work")
  func errors() throws {
    let (problem, curvature) = try problem(Self.maps)
    func message(_ problem: Problem, _ curvature: StoredCurvature?) -> String {
      do {
        _ = try scores(problem, curvature, KFAC(), .double)
        return ""
      } catch {
        return "\(error)"
      }
    }
    #expect(message(problem, nil).contains("curvature.safetensors"))
    var other = problem
    other.blocks[1].name = "c.weight"
    #expect(message(other, curvature).contains("c.weight"))
    other = problem
    other.blocks[0].shape = [5, 3]
    #expect(message(other, curvature).contains("3 × 3"))
    other.blocks[0].shape = [3, 5, 1]
    #expect(message(other, curvature).contains("neither a matrix nor a vector"))
    other = problem
    other.damping = .absolute(0)
    let (deficient, singular) = try self.problem([
      Map("a.weight", outputs: 3, inputs: 5, rows: 2, seed: 4)
    ])
    other = deficient
    other.damping = .absolute(0)
    #expect(message(other, singular).contains("without damping there is no inverse"))
  }
}

extension Matrix<Double> {
  /// To seven binary places: products of two such numbers are singles.
  fileprivate var rounded: Matrix<Double> {
    Matrix(rows: rows, columns: columns, elements: elements.map { ($0 * 128).rounded() / 128 })
  }
}
