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

extension GradientStore {
  /// Compares the sum of stored second moments with the mean squared norm of the gradients, which it is in any
  /// orthonormal basis.
  ///
  /// Labels that were sampled have gradients of their own, of which nothing is known here. A mean over other examples
  /// may differ; one over as many examples as there are rows is taken to be over these, and may differ by what
  /// a narrow type leaves of norms.
  ///
  /// - Returns: What to say where they differ by a factor of two; nil where they do not.
  /// - Throws: `GradientStoreError.unusableCurvature` where they must agree, and do not to a twentieth.
  func compareSum(ofMoments moments: Matrix<Double>, in context: BlockContext) throws -> String? {
    guard let curvature, curvature.isEmpirical else { return nil }
    let sum = moments.elements.reduce(0, +)
    let difference =
      "they sum to \(sum), where the mean squared norm of the \(context.exampleCount) training gradients is \(context.trace)"
    if curvature.exampleCount == context.exampleCount {
      guard abs(sum - context.trace) <= 0.05 * context.trace else {
        throw GradientStoreError.unusableCurvature(
          path: curvature.path,
          field: "\(context.name).eigenvalues",
          reason:
            "\(difference), of which they are said to be; compute both from the same model, examples and scale of the loss"
        )
      }
      return nil
    }
    guard sum > 2 * context.trace || 2 * sum < context.trace else { return nil }
    return
      "the second moments of block \(context.name) are not those of these gradients: \(difference); scores are as if λ were \(context.trace / sum) times as large"
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
