import Gradients

/// A fit that ends in a `KroneckerOperator`: its blocks are matrices of q outputs and p inputs.
protocol KroneckerFit: QuerySideFit {}

extension KroneckerFit {
  /// True: the factors are all that is kept.
  var worksByExamples: Bool { true }
}

extension KroneckerFit {
  /// The eigenvectors of both factors, and what divides by the damped eigenvalues.
  func fittedBytes(_ block: BlockShape) -> Int {
    let (q, p) = block.matrixSides
    return BlockNeeds.sum(block.factorBytes, BlockNeeds.bytes(rows: q, columns: p))
  }

  /// The workspace of the larger decomposition.
  func fittingBytes(_ block: BlockShape) -> Int {
    let (q, p) = block.matrixSides
    let order = max(q, p)
    return BlockNeeds.bytes(rows: 2 * order, columns: order)
  }

  /// The decomposition of both factors.
  func fittingWork(_ block: BlockShape) -> Work { decompositionWork(block) }

  /// 9(p³ + q³) operations.
  func decompositionWork(_ block: BlockShape) -> Work {
    let (q, p) = block.matrixSides
    var work = Work()
    work.doubleOperations =
      OperationCount.eigendecomposition(order: p) + OperationCount.eigendecomposition(order: q)
    return work
  }

  /// Into the eigenbasis and back: 4pq(p + q) operations per query.
  func scoringWork(queries: Int, _ block: BlockShape) -> Work {
    let (q, p) = block.matrixSides
    var work = Work()
    work.addProducts(
      rows: queries * q, operations: 4 * Double(queries) * OperationCount.rotation(q: q, p: p))
    return work
  }
}

extension BlockShape {
  /// q and p; a block of more than two dimensions counts as q × the rest.
  var matrixSides: (q: Int, p: Int) {
    let outputs = max(1, block.shape.first ?? 1)
    return (outputs, width / outputs)
  }

  /// Bytes of a p × p and a q × q matrix in double precision.
  var factorBytes: Int {
    let (q, p) = matrixSides
    return BlockNeeds.sum(
      BlockNeeds.bytes(rows: p, columns: p), BlockNeeds.bytes(rows: q, columns: q))
  }
}

extension Work {
  /// Adds the pass for both second moments of matrix-shaped gradients: npq(p + q) operations.
  mutating func addFactorsPass(_ block: BlockShape) {
    let (q, p) = block.matrixSides
    addPass(
      block, operations: Double(block.exampleCount) * OperationCount.rotation(q: q, p: p),
      rows: block.exampleCount)
  }

  /// Adds the pass for the second moments in an eigenbasis: 2npq(p + q) operations.
  mutating func addMomentsPass(_ block: BlockShape) {
    let (q, p) = block.matrixSides
    addPass(
      block, operations: 2 * Double(block.exampleCount) * OperationCount.rotation(q: q, p: p),
      rows: block.exampleCount)
  }
}
