package import LinearAlgebra

/// How tokens look at each other: of each head, softmax(q·kᵀ/√size)·v within each text.
///
/// Rows of queries are taken some at a time, and what the softmax made of them is not kept but made again backward,
/// so that no matrix of tokens × tokens is whole. Heads of queries share heads of keys and values in groups. After
/// Dao, "FlashAttention-2" (2023): with the gradient dO by the result O, and δ = Σ dO · O of each row,
///
///     dv = pᵀ·dO     ds = p · (dO·vᵀ − δ)     dq = ds·k/√size     dk = dsᵀ·q/√size
package struct AttentionCore: Sendable {
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
  package struct Saved<Element: Scalar> {
    package let output: Matrix<Element>
    /// log Σ exp of each head's scores, for each token.
    let logSums: [[Element]]
  }

  private func queries(_ head: Int) -> Range<Int> { head * headSize..<(head + 1) * headSize }

  private func keys(_ head: Int) -> Range<Int> {
    queries(head / (headCount / keyValueHeadCount))
  }

  /// Some queries of a text and a head.
  private struct Block {
    let head: Int
    /// All rows of the text.
    let text: Range<Int>
    /// Rows of queries.
    let rows: Range<Int>
    /// The place in its text of the first of them.
    let place: Int
    /// The text's first keys, those that the last query may see.
    let keyCount: Int

    /// The rows of keys.
    var seen: Range<Int> { text.lowerBound..<text.lowerBound + keyCount }
  }

  /// Calls `body` for each text, head and block of queries.
  ///
  /// - Parameters:
  ///   - pass: Of all tokens, whose keys and values take part.
  ///   - queryPass: Of the queries: all tokens or some that lie side by side in each text.
  private func forEachBlock<Element: Scalar>(
    _ pass: LayerPass<Element>, _ queryPass: LayerPass<Element>, _ body: (Block) -> Void
  ) {
    for text in 0..<pass.textCount {
      let keys = pass.rows(text)
      let queries = queryPass.rows(text)
      guard let place = queries.first.map({ Int(queryPass.positions[$0]) }) else { continue }
      for head in 0..<headCount {
        for first in stride(from: 0, to: queries.count, by: Self.blockRows) {
          let end = min(queries.count, first + Self.blockRows)
          body(
            Block(
              head: head, text: keys,
              rows: queries.lowerBound + first..<queries.lowerBound + end, place: place + first,
              keyCount: isCausal ? place + end : keys.count))
        }
      }
    }
  }

  private func visible<Element: Scalar>(_ block: Block) -> Matrix<Element>.Visible {
    isCausal ? .upTo(block.place + 1) : .all
  }

  /// Drops weights by which tokens look at others.
  private func drop<Element: Scalar>(
    _ weights: inout Matrix<Element>, _ pass: LayerPass<Element>, _ block: Block
  ) {
    guard let dropout = pass.dropout, dropout.rates.attention > 0 else { return }
    let site = DropoutSite.weights(layer: layer, head: block.head)
    weights.drop(
      dropout.mask(site, rate: dropout.rates.attention),
      from: (dropout.firstRow + block.text.lowerBound) * longest + block.place * block.text.count,
      rows: block.rows.count)
  }

  /// - Parameters:
  ///   - q: queries × heads · size.
  ///   - k: tokens × heads of keys · size, and so v.
  /// - Returns: queries × heads · size.
  package func forward<Element: Scalar>(
    _ q: Matrix<Element>, _ k: Matrix<Element>, _ v: Matrix<Element>, _ pass: LayerPass<Element>,
    queries queryPass: LayerPass<Element>
  ) -> Saved<Element> {
    var output = Matrix<Element>.zeros(q.rows, q.columns)
    var logSums = [[Element]](repeating: [], count: headCount)
    var scores = Matrix<Element>.zeros(0, 0)
    let scale = 1 / Element(headSize).squareRoot()
    forEachBlock(pass, queryPass) { block in
      let (head, rows, seen, keyCount) = (block.head, block.rows, block.seen, block.keyCount)
      if scores.columns != block.text.count || scores.rows < rows.count {
        scores = .zeros(Self.blockRows, block.text.count)
      }
      scores.set(
        product: q.view[rows: rows, columns: queries(head)],
        k.view[rows: seen, columns: keys(head)].transposed, scale: scale)
      logSums[head] += scores.softmax(rows: rows.count, columns: keyCount, visible(block))
      drop(&scores, pass, block)
      output.set(
        product: scores.view[rows: 0..<rows.count, columns: 0..<keyCount],
        v.view[rows: seen, columns: keys(head)], firstRow: rows.lowerBound,
        firstColumn: queries(head).lowerBound)
    }
    return Saved(output: output, logSums: logSums)
  }

  /// - Parameter dOutput: The gradient by the result, queries × heads · size.
  /// - Returns: The gradients by q, k and v.
  package func backward<Element: Scalar>(
    _ dOutput: Matrix<Element>, q: Matrix<Element>, k: Matrix<Element>, v: Matrix<Element>,
    _ saved: Saved<Element>, _ pass: LayerPass<Element>, queries queryPass: LayerPass<Element>
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
    forEachBlock(pass, queryPass) { block in
      let (head, rows, seen, keyCount) = (block.head, block.rows, block.seen, block.keyCount)
      if weights.columns != block.text.count || weights.rows < rows.count {
        weights = .zeros(Self.blockRows, block.text.count)
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
        drop(&dropped, pass, block)
        drop(&gradient, pass, block)
      }
      dv.add(
        product: dropped.view[rows: 0..<rows.count, columns: 0..<keyCount].transposed, outer,
        firstRow: seen.lowerBound, firstColumn: keys(head).lowerBound)
      gradient.turnThroughSoftmax(
        weights, dots: dots[head][rows], columns: keyCount, scale: scale)
      let inner = gradient.view[rows: 0..<rows.count, columns: 0..<keyCount]
      dq.set(
        product: inner, key, firstRow: rows.lowerBound, firstColumn: queries(head).lowerBound)
      dk.add(
        product: inner.transposed, query, firstRow: seen.lowerBound,
        firstColumn: keys(head).lowerBound)
    }
    return (dq, dk, dv)
  }
}
