import Gradients
import LinearAlgebra

extension GradientPass {
  /// gᵢᵀ·A·gᵢ for the n training examples.
  ///
  /// - Parameter matrix: A, `d × d`.
  /// - Complexity: 2nd² operations, one pass.
  func quadraticForms(of matrix: Matrix<Double>) throws -> [Double] {
    let matrix = Matrix<Element>(converting: matrix)
    let rowBytes = max(1, matrix.rows * MemoryLayout<Element>.stride)
    var forms = [Double](repeating: 0, count: store.count)
    try forEachChunk(
      of: max(256, (8 << 20) / rowBytes), rowOperations: 2 * Double(matrix.rows * matrix.rows)
    ) { rows, gradients in
      forms.replaceSubrange(
        rows, with: Matrix(product: gradients, matrix.view).view.rowDots(with: gradients))
    }
    try reduction.sum(&forms)
    return forms
  }

  /// Σⱼ wⱼ·Kᵢⱼ² for the n training examples, without K.
  ///
  /// - Parameters:
  ///   - weights: w, one per training example, none negative.
  ///   - memory: Bytes that rows of K may take.
  /// - Complexity: 2n²d operations; a pass for as many rows of K as fit in memory.
  func squaredKernelSums(weights: [Double], memory: Int) throws -> [Double] {
    let roots = weights.map { Element($0.squareRoot()) }
    let width = store.layout.blocks[block].width
    let rowBytes = max(1, 2 * MemoryLayout<Element>.stride * (store.count + width))
    var sums: [Double] = []
    sums.reserveCapacity(store.count)
    for rows in store.chunks(of: max(16, min(1024, memory / rowBytes))) {
      var products = try products(try store.rows(rows, of: block, as: Element.self))
      products.scaleColumns(by: roots)
      sums += products.view.squaredRowNorms()
    }
    return sums
  }
}
