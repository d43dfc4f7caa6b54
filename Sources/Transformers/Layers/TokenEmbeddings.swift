package import LinearAlgebra

/// What tokens are before the first layer: a row for the token, plus one for its position and one for its type where
/// there are such, normalized where the family does.
package struct TokenEmbeddings<Element: Scalar>: Sendable {
  /// Rows of the matrix of tokens.
  let tokens: @Sendable (_ ids: [Int]) throws -> Matrix<Element>
  /// A row for each position.
  let positions: Matrix<Element>?
  /// The row of a text's first token.
  ///
  /// Above 0 the row before it is that of padding, which does not count as a place.
  let firstPosition: Int
  let types: Matrix<Element>?
  let norm: Normalization<Element>?

  /// - Parameters:
  ///   - ids: All tokens of the pass.
  ///   - typeIDs: As many, where there are types.
  /// - Returns: tokens × hidden.
  package func forward(
    ids: [Int], typeIDs: [Int], _ pass: LayerPass<Element>
  ) throws -> Matrix<Element> {
    var sum = try tokens(ids)
    if let positions {
      sum.add(positions.selecting(rows: rows(ids, pass)), scale: 1)
    }
    if let types { sum.add(types.selecting(rows: typeIDs), scale: 1) }
    if let norm { sum = norm.forward(sum).0 }
    pass.drop(&sum, at: DropoutSite.embeddings, rate: pass.dropout?.rates.embedding ?? 0)
    return sum
  }

  /// The rows of tokens in the matrix of positions.
  private func rows(_ ids: [Int], _ pass: LayerPass<Element>) -> [Int] {
    guard firstPosition > 0 else { return pass.positions.map { Int($0) } }
    let padding = firstPosition - 1
    var next = firstPosition
    return zip(ids, pass.positions).map { id, place in
      if place == 0 { next = firstPosition }
      if id == padding { return padding }
      defer { next += 1 }
      return next
    }
  }
}
