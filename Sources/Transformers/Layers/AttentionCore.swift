import LinearAlgebra

/// How tokens look at each other: of each head, softmax(q·kᵀ/√size)·v within each text.
///
/// Rows of queries are taken some at a time, and what the softmax made of them is not kept but made again backward,
/// so that no matrix of tokens × tokens is whole. Heads of queries share heads of keys and values in groups. After
/// Dao, "FlashAttention-2" (2023): with the gradient dO by the result O, and δ = Σ dO · O of each row,
///
///     dv = pᵀ·dO     ds = p · (dO·vᵀ − δ)     dq = ds·k/√size     dk = dsᵀ·q/√size
struct AttentionCore: Sendable {
  let headCount: Int
  let keyValueHeadCount: Int
  let headSize: Int
  let isCausal: Bool
  /// The number of the layer, which tells masks apart.
  let layer: Int
  /// The most tokens of a text.
  let longest: Int

  /// Rows of queries that are taken at a time.
  static var blockRows: Int { 128 }

  /// What backward needs of forward.
  struct Saved<Element: Scalar> {
    let output: Matrix<Element>
    /// log Σ exp of each head's scores, for each token.
    let logSums: [[Element]]
  }

  private func queries(_ head: Int) -> Range<Int> { head * headSize..<(head + 1) * headSize }

  private func keys(_ head: Int) -> Range<Int> {
    queries(head / (headCount / keyValueHeadCount))
  }

  /// Calls `body` for each text, head and block of queries, with the number of keys that the block may see.
  private func forEachBlock<Element: Scalar>(
    _ pass: LayerPass<Element>,
    _ body: (_ text: Range<Int>, _ head: Int, _ block: Range<Int>, _ keyCount: Int) -> Void
  ) {
    for text in 0..<pass.textCount {
      let rows = pass.rows(text)
      for head in 0..<headCount {
        for first in stride(from: 0, to: rows.count, by: Self.blockRows) {
          let block = first..<min(rows.count, first + Self.blockRows)
          body(rows, head, block, isCausal ? block.upperBound : rows.count)
        }
      }
    }
  }

  private func visible<Element: Scalar>(_ block: Range<Int>) -> Matrix<Element>.Visible {
    isCausal ? .upTo(block.lowerBound + 1) : .all
  }

  /// Drops weights by which tokens look at others.
  private func drop<Element: Scalar>(
    _ weights: inout Matrix<Element>, _ pass: LayerPass<Element>, text: Range<Int>, head: Int,
    block: Range<Int>
  ) {
    guard let dropout = pass.dropout, dropout.rates.attention > 0 else { return }
    let site = DropoutSite.weights(layer: layer, head: head)
    weights.drop(
      dropout.mask(site, rate: dropout.rates.attention),
      from: (dropout.firstRow + text.lowerBound) * longest + block.lowerBound * text.count,
      rows: block.count)
  }

  /// - Parameters:
  ///   - q: tokens × heads · size.
  ///   - k: tokens × heads of keys · size, and so v.
  /// - Returns: tokens × heads · size.
  func forward<Element: Scalar>(
    _ q: Matrix<Element>, _ k: Matrix<Element>, _ v: Matrix<Element>, _ pass: LayerPass<Element>
  ) -> Saved<Element> {
    var output = Matrix<Element>.zeros(q.rows, q.columns)
    var logSums = [[Element]](repeating: [], count: headCount)
    var scores = Matrix<Element>.zeros(0, 0)
    let scale = 1 / Element(headSize).squareRoot()
    forEachBlock(pass) { text, head, block, keyCount in
      let rows = text.lowerBound + block.lowerBound..<text.lowerBound + block.upperBound
      let seen = text.lowerBound..<text.lowerBound + keyCount
      if scores.columns != text.count || scores.rows < block.count {
        scores = .zeros(min(Self.blockRows, text.count), text.count)
      }
      scores.set(
        product: q.view[rows: rows, columns: queries(head)],
        k.view[rows: seen, columns: keys(head)].transposed, scale: scale)
      logSums[head] += scores.softmax(rows: block.count, columns: keyCount, visible(block))
      drop(&scores, pass, text: text, head: head, block: block)
      output.set(
        product: scores.view[rows: 0..<block.count, columns: 0..<keyCount],
        v.view[rows: seen, columns: keys(head)], firstRow: rows.lowerBound,
        firstColumn: queries(head).lowerBound)
    }
    return Saved(output: output, logSums: logSums)
  }

  /// - Parameter dOutput: The gradient by the result, tokens × heads · size.
  /// - Returns: The gradients by q, k and v.
  func backward<Element: Scalar>(
    _ dOutput: Matrix<Element>, q: Matrix<Element>, k: Matrix<Element>, v: Matrix<Element>,
    _ saved: Saved<Element>, _ pass: LayerPass<Element>
  ) -> (dq: Matrix<Element>, dk: Matrix<Element>, dv: Matrix<Element>) {
    var dq = Matrix<Element>.zeros(q.rows, q.columns)
    var dk = Matrix<Element>.zeros(k.rows, k.columns)
    var dv = Matrix<Element>.zeros(v.rows, v.columns)
    var weights = Matrix<Element>.zeros(0, 0)
    var gradient = Matrix<Element>.zeros(0, 0)
    let scale = 1 / Element(headSize).squareRoot()
    let dots = (0..<headCount).map {
      dOutput.plainRowDots(with: saved.output, columns: queries($0))
    }
    let isDropped = (pass.dropout?.rates.attention ?? 0) > 0
    forEachBlock(pass) { text, head, block, keyCount in
      let rows = text.lowerBound + block.lowerBound..<text.lowerBound + block.upperBound
      let seen = text.lowerBound..<text.lowerBound + keyCount
      if weights.columns != text.count || weights.rows < block.count {
        weights = .zeros(min(Self.blockRows, text.count), text.count)
        gradient = weights
      }
      let query = q.view[rows: rows, columns: queries(head)]
      let key = k.view[rows: seen, columns: keys(head)]
      let outer = dOutput.view[rows: rows, columns: queries(head)]
      weights.set(product: query, key.transposed, scale: scale)
      weights.softmax(logSums: saved.logSums[head][rows], columns: keyCount, visible(block))
      gradient.set(product: outer, v.view[rows: seen, columns: keys(head)].transposed)
      var dropped = weights
      if isDropped {
        drop(&dropped, pass, text: text, head: head, block: block)
        drop(&gradient, pass, text: text, head: head, block: block)
      }
      dv.add(
        product: dropped.view[rows: 0..<block.count, columns: 0..<keyCount].transposed, outer,
        firstRow: seen.lowerBound, firstColumn: keys(head).lowerBound)
      gradient.turnThroughSoftmax(
        weights, dots: dots[head][rows], columns: keyCount, scale: scale)
      let inner = gradient.view[rows: 0..<block.count, columns: 0..<keyCount]
      dq.set(
        product: inner, key, firstRow: rows.lowerBound, firstColumn: queries(head).lowerBound)
      dk.add(
        product: inner.transposed, query, firstRow: seen.lowerBound,
        firstColumn: keys(head).lowerBound)
    }
    return (dq, dk, dv)
  }
}
