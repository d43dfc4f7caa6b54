import Foundation
import InfluenceKit
import TestSupport
import Testing

/// What companions say of themselves is held against the gradients that they lie beside.
@Suite("Companions and their gradients")
struct CompanionSumTests {
  private static let rows = 12

  /// Gradients of a 2 × 3 block, with factors and the second moments of the gradients in their basis.
  private func store(
    momentsTimes factor: Double = 1, _ metadata: [String: String]
  ) throws -> GradientStore {
    var generator = SeededGenerator(seed: 8)
    let rows = Matrix<Double>.normal(Self.rows, 6, using: &generator)
    func factors(_ order: Int) throws -> (matrix: Matrix<Double>, basis: Matrix<Double>) {
      let random = Matrix<Double>.normal(order, order, using: &generator)
      let matrix = Matrix(product: random.view, random.transposed)
      return (matrix, try SymmetricEigendecomposition(decomposing: matrix).vectors)
    }
    let (inputs, outputs) = (try factors(3), try factors(2))
    var moments = Matrix<Double>.zeros(2, 3)
    for row in 0..<Self.rows {
      let gradient = Matrix(rows: 2, columns: 3, elements: Array(rows[row: row]))
      let half = Matrix(product: outputs.basis.view, gradient.view)
      let turned = Matrix(product: half.view, inputs.basis.transposed)
      for (place, value) in turned.elements.enumerated() {
        moments[place / 3, place % 3] += factor * value * value / Double(Self.rows)
      }
    }
    let curvature = StoredCurvature(
      kronecker: [
        (
          block: "w",
          factors: KroneckerFactors(
            activations: inputs.matrix, outputGradients: outputs.matrix,
            activationBasis: inputs.basis, outputBasis: outputs.basis, eigenvalues: moments)
        )
      ], metadata: metadata)
    return GradientStore(blocks: [("w", [2, 3], Matrix<Float>(converting: rows))]).with(
      Companions(curvature: curvature))
  }

  private func outcome(of store: GradientStore, _ method: any Estimator = EKFAC()) -> String {
    do {
      return try Curvature(fitting: [method], on: store).scores(of: store)[0].warnings
        .joined(separator: "; ")
    } catch {
      return "error: \(error)"
    }
  }

  @Test("Curvature that is replaced before it is read is an error that names its file")
  func replaced() throws {
    let folder = try TemporaryDirectory()
    let file = folder.file(StoredCurvature.fileName)
    let stored = try #require(try store([:]).curvature)
    for isRemoved in [false, true] {
      try stored.write(to: folder.url)
      let curvature = try StoredCurvature(opening: file)
      let block = try store([:]).layout.blocks[0]
      _ = try curvature.kroneckerFactors(of: block)
      try FileManager.default.removeItem(at: file)
      if !isRemoved { try stored.write(to: folder.url) }
      let error = #expect(throws: TensorFileError.self) {
        _ = try curvature.kroneckerFactors(of: block)
      }
      #expect(error?.description.contains("curvature.safetensors: the file was ") == true)
    }
  }

  @Test("Second moments of these gradients sum to their mean squared norm, or are refused")
  func ownMoments() throws {
    let own = ["fisher": "empirical", "examples": "12"]
    #expect(outcome(of: try store(own)) == "")
    #expect(outcome(of: try store(momentsTimes: 1.01, own)) == "")
    for factor in [1.1, 0.5, 12, 1.0 / 12] {
      let text = outcome(of: try store(momentsTimes: factor, own))
      #expect(text.hasPrefix("error") && text.contains("w.eigenvalues"))
      #expect(text.contains("mean squared norm of the 12 training gradients"))
    }
  }

  @Test(
    "Moments over other examples may differ, far off with a warning; sampled labels are not judged")
  func otherMoments() throws {
    for metadata in [["fisher": "empirical"], ["fisher": "empirical", "examples": "1000"]] {
      let near = outcome(of: try store(momentsTimes: 1.5, metadata))
      #expect(!near.contains("second moments"))
      let far = outcome(of: try store(momentsTimes: 100, metadata))
      #expect(!far.hasPrefix("error") && far.contains("are not those of these gradients"))
    }
    for metadata in [[:], ["fisher": "sampled", "examples": "12"]] {
      #expect(outcome(of: try store(momentsTimes: 100, metadata)) == "")
    }
  }

  @Test("Another number of examples is a warning for methods that take the model's curvature")
  func counts() throws {
    let other = try store(["examples": "13"])
    for method in [EKFAC(), KFAC()] as [any Estimator] {
      #expect(outcome(of: other, method).contains("a mean over 13 examples, beside 12"))
    }
    #expect(outcome(of: other, ExactFisher()) == "")
    #expect(outcome(of: try store(["examples": "12"]), KFAC()) == "")
  }

  @Test(
    "Values of known keys that nobody knows are refused with those that are known",
    arguments: [
      ("fisher", "empiric", "empirical or sampled"), ("examples", "many", "from 1 up"),
      ("examples", "0", "from 1 up"), ("regularization", "-1", "from 0 up"),
      ("regularization", "nan", "from 0 up"),
    ])
  func metadata(key: String, value: String, expected: String) throws {
    let text = outcome(of: try store([key: value]))
    #expect(text.hasPrefix("error") && text.contains("\"\(key)\"") && text.contains(expected))
    #expect(outcome(of: try store([key: value]), ExactFisher()) == "")
    #expect(outcome(of: try store(["note": value])) == "")
  }
}
