import Gradients
import LinearAlgebra

extension GradientPass {
  /// gᵢᵀ·A·gᵢ for some training examples.
  ///
  /// - Parameters:
  ///   - matrix: A, `d × d`.
  ///   - range: The examples.
  /// - Complexity: 2nd² operations, one reading of the examples.
  func quadraticForms(of matrix: Matrix<Double>, for range: Range<Int>) throws -> [Double] {
    let matrix = Matrix<Element>(converting: matrix)
    let rowBytes = max(1, matrix.rows * MemoryLayout<Element>.stride)
    var forms = [Double](repeating: 0, count: range.count)
    try forEachChunk(
      of: max(256, (8 << 20) / rowBytes), rowOperations: 2 * Double(matrix.rows * matrix.rows),
      in: range
    ) { rows, gradients in
      let first = rows.lowerBound - range.lowerBound
      forms.replaceSubrange(
        first..<first + rows.count,
        with: Matrix(product: gradients, matrix.view).view.rowDots(with: gradients))
    }
    try reduction.sum(&forms)
    return forms
  }

  /// Σⱼ wⱼ·Kᵢⱼ² for some training examples, without K.
  ///
  /// - Parameters:
  ///   - range: The examples.
  ///   - weights: w, one per training example, none negative.
  ///   - memory: Bytes that rows of K may take.
  /// - Complexity: 2n²d operations; a pass for as many rows of K as fit in memory.
  func squaredKernelSums(
    of range: Range<Int>, weights: [Double], memory: Int
  ) throws -> [Double] {
    let roots = weights.map { Element($0.squareRoot()) }
    let width = store.layout.blocks[block].width
    let rowBytes = max(1, 2 * MemoryLayout<Element>.stride * (store.count + width))
    var sums: [Double] = []
    sums.reserveCapacity(range.count)
    let chunks = store.chunks(of: max(16, min(1024, memory / rowBytes)))
    for rows in chunks.map({ $0.clamped(to: range) }) where !rows.isEmpty {
      var products = try products(try store.rows(rows, of: block, as: Element.self))
      products.scaleColumns(by: roots)
      sums += products.view.squaredRowNorms()
    }
    return sums
  }
}
