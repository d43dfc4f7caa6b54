import Algorithms
import Gradients
import LinearAlgebra

extension GradientPass {
  /// gᵢᵀ·A·gᵢ for some training examples.
  ///
  /// Columns are taken a panel at a time; what lies above a panel's diagonal counts twice, and what lies
  /// below not at all.
  ///
  /// - Parameters:
  ///   - matrix: A, `d × d`, symmetric.
  ///   - range: The examples.
  /// - Complexity: nd² operations and nd for each column of a panel, one reading of the examples.
  func quadraticForms(of matrix: Matrix<Double>, for range: Range<Int>) throws -> [Double] {
    let order = matrix.rows
    let panels = (0..<order).chunks(ofCount: OperationCount.quadraticPanel).map { columns in
      var panel = Matrix<Element>(
        converting: Matrix(matrix.view[rows: 0..<columns.upperBound, columns: columns]))
      panel.scaleRows(by: (0..<panel.rows).map { $0 < columns.lowerBound ? 2 : 1 })
      return (columns, panel)
    }
    let rowBytes = max(1, order * MemoryLayout<Element>.stride)
    var forms = [Double](repeating: 0, count: range.count)
    try forEachChunk(
      of: max(256, (8 << 20) / rowBytes),
      rowOperations: OperationCount.quadraticForms(n: 1, d: order), in: range
    ) { rows, gradients in
      for (columns, panel) in panels {
        let images = Matrix(product: gradients[columns: 0..<columns.upperBound], panel.view)
        let shares = images.view.rowDots(with: gradients[columns: columns])
        for (row, share) in zip(rows, shares) { forms[row - range.lowerBound] += share }
      }
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
