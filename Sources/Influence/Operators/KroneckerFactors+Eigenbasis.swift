import Gradients
import LinearAlgebra

extension GradientStore {
  /// Checks that there are Kronecker factors of every block.
  func checkKroneckerFactors(for method: String) throws {
    for block in layout.blocks { _ = try kroneckerFactors(of: block, for: method) }
  }

  func kroneckerFactors(of block: Block, for method: String) throws -> KroneckerFactors {
    guard let curvature else {
      throw InfluenceError.missingInput(
        method: method, source: name,
        reason:
          "there is no \(StoredCurvature.fileName) beside the gradients; store the model's Kronecker factors there, or choose shampoo or eshampoo, which take the gradients alone"
      )
    }
    let factors = try curvature.kroneckerFactors(of: block)
    try factors.check(block: block.name, path: curvature.path)
    return factors
  }
}

extension KroneckerFactors {
  /// The eigenvectors of both factors, and their eigenvalues as columns; rounding below zero is cut off.
  func eigenbasis(
    block: String, method: String
  ) throws(InfluenceError) -> (
    basis: KroneckerBasis, values: (outputs: Matrix<Double>, activations: Matrix<Double>)
  ) {
    func column(_ values: [Double]) -> Matrix<Double> {
      Matrix(rows: values.count, columns: 1, elements: values.map { max(0, $0) })
    }
    do throws(FactorizationError) {
      let inputs = try SymmetricEigendecomposition(decomposing: activations)
      let outputs = try SymmetricEigendecomposition(decomposing: outputGradients)
      return (
        KroneckerBasis(activations: inputs.vectors, outputs: outputs.vectors),
        (column(outputs.values), column(inputs.values))
      )
    } catch {
      throw .factorization(block: block, method: method, error)
    }
  }
}
