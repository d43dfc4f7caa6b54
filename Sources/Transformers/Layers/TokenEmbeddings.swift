import LinearAlgebra

/// What tokens are before the first layer: a row for the token, plus one for its position and one for its type where
/// there are such, normalized where the family does.
struct TokenEmbeddings<Element: Scalar>: Sendable {
  /// Rows of the matrix of tokens.
  let tokens: @Sendable (_ ids: [Int]) throws -> Matrix<Element>
  /// A row for each position, from the first that a text's token has.
  let positions: Matrix<Element>?
  /// The row of a text's first token.
  let firstPosition: Int
  let types: Matrix<Element>?
  let norm: Normalization<Element>?

  /// - Parameters:
  ///   - ids: All tokens of the pass.
  ///   - typeIDs: As many, where there are types.
  /// - Returns: tokens × hidden.
  func forward(
    ids: [Int], typeIDs: [Int], _ pass: LayerPass<Element>
  ) throws -> Matrix<Element> {
    var sum = try tokens(ids)
    if let positions {
      sum.add(
        positions.selecting(rows: pass.positions.map { firstPosition + Int($0) }), scale: 1)
    }
    if let types { sum.add(types.selecting(rows: typeIDs), scale: 1) }
    if let norm { sum = norm.forward(sum).0 }
    pass.drop(&sum, at: DropoutSite.embeddings, rate: pass.dropout?.rates.embedding ?? 0)
    return sum
  }
}
