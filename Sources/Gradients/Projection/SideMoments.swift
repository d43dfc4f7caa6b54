import LinearAlgebra

extension PrincipalSides {
  /// Finds the directions of a store's blocks.
  ///
  /// - Parameters:
  ///   - store: The training gradients, before any projection, and what lies beside them.
  ///   - outputs: k_out, from 1 up; a side that is shorter is kept.
  ///   - inputs: k_in.
  ///   - progress: Called with the share of blocks that are done.
  /// - Throws: ``GradientStoreError/notProjectable(block:reason:)`` where no block is a matrix with a side that is long enough, or
  ///   a side is too long; ``GradientStoreError/inconsistent(path:reason:)`` of a
  ///   projected store; an error of reading the store or its factors.
  /// - Complexity: npq(p + q) operations per block and a pass, unless there are factors; 9(p³ + q³) for eigenvectors.
  public init(
    of store: GradientStore, outputs: Int, inputs: Int,
    progress: (@Sendable (_ stage: String, _ fraction: Double) -> Void)? = nil
  ) throws {
    precondition(outputs > 0 && inputs > 0, "a projection to \(outputs) × \(inputs)")
    guard store.projection == nil else {
      throw GradientStoreError.inconsistent(
        path: store.name,
        reason: "it is projected already; project the gradients that it came from")
    }
    let sizes = GradientProjection(.kronecker(outputs: outputs, inputs: inputs))
    _ = try sizes.layout(of: store.layout)
    let projected = store.layout.blocks.enumerated().filter { !sizes.keeps($1) }
    let known = Set(store.curvature?.kroneckerBlocks ?? [])
    let hasFactors = projected.allSatisfy { known.contains($0.element.name) }
    var factors: [String: Factors] = [:]
    for (done, (index, block)) in projected.enumerated() {
      progress?("directions", Double(done) / Double(projected.count))
      let moments =
        if hasFactors, let curvature = store.curvature {
          try curvature.kroneckerFactors(of: block)
        } else { try store.sideMoments(ofBlock: index) }
      do throws(FactorizationError) {
        factors[block.name] = Factors(
          shape: block.shape,
          outputs: try moments.outputGradients.leadingEigenvectors(outputs),
          inputs: try moments.activations.leadingEigenvectors(inputs))
      } catch {
        throw GradientStoreError.notProjectable(
          block: block.name,
          reason: "the directions of its sides are not found: \(error); project it at random")
      }
    }
    try store.requireUnchanged()
    self.init(
      outputs: outputs, inputs: inputs, source: hasFactors ? .factors : .gradients,
      factors: factors)
  }
}

extension Matrix<Double> {
  /// The k leading eigenvectors of this symmetric matrix, `k × n`, the largest first; nil where k > n.
  ///
  /// Of each the entry of largest magnitude is positive.
  fileprivate func leadingEigenvectors(_ count: Int) throws(FactorizationError) -> Matrix? {
    guard count <= rows else { return nil }
    let vectors = try SymmetricEigendecomposition(decomposing: self).vectors
    var leading = vectors.selecting(rows: Array((rows - count..<rows).reversed()))
    leading.scaleRows(
      by: (0..<count).map { row in
        (leading[row: row].max { abs($0) < abs($1) } ?? 1) < 0 ? -1 : 1
      })
    return leading
  }
}

extension GradientStore {
  /// (1/n) Σ g·gᵀ as that of output gradients, and (1/n) Σ gᵀ·g as that of activations, of a block of matrices.
  fileprivate func sideMoments(ofBlock index: Int) throws -> KroneckerFactors {
    let sides = layout.blocks[index].sides
    var left = SymmetricAccumulator(order: sides.outputs)
    var right = SymmetricAccumulator(order: sides.inputs)
    var buffer = Matrix<Double>.zeros(0, 0)
    for rows in chunks(of: max(1, min(1024, (4 << 20) / max(1, layout.blocks[index].width)))) {
      let gradients = try self.rows(rows, of: index, reusing: &buffer)
      let stacked = Matrix(
        rows: rows.count * sides.outputs, columns: sides.inputs,
        elements: Matrix(gradients).elements)
      guard stacked.elements.allSatisfy(\.isFinite) else {
        let bad = gradients.squaredRowNorms().firstIndex { !$0.isFinite } ?? 0
        throw GradientStoreError.notFinite(
          path: name, row: rows.lowerBound + bad, block: layout.blocks[index].name,
          reason: "it holds NaN or infinite numbers")
      }
      right.add(gramOf: stacked.transposed)
      left.add(gramOf: stacked.sideBySide(rowsEach: sides.outputs).view)
    }
    var (outputs, inputs) = (left.matrix(), right.matrix())
    outputs.scale(by: 1 / Double(max(1, count)))
    inputs.scale(by: 1 / Double(max(1, count)))
    return KroneckerFactors(activations: inputs, outputGradients: outputs)
  }
}
