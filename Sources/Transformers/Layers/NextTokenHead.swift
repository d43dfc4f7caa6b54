package import LinearAlgebra

/// Logits of the next token, W·x of the vocabulary's size, and measures of them.
///
/// Tokens are taken some at a time, so that no matrix of all tokens × vocabulary is ever whole; W is packed anew for
/// each such part, which a hundred rows and more outweigh.
package struct NextTokenHead<Element: Scalar>: Sendable {
  /// vocabulary × hidden.
  let weight: Matrix<Element>

  /// Numbers of a part of the logits: 64 MB in single precision.
  private static var partSize: Int { 1 << 24 }

  /// Rows that are taken at a time.
  package var rowsAtOnce: Int

  init(weight: Matrix<Element>) {
    self.weight = weight
    rowsAtOnce = Self.rowsAtOnce(weight.rows)
  }

  private static func rowsAtOnce(_ vocabulary: Int) -> Int {
    max(32, partSize / max(vocabulary, 1))
  }

  /// Numbers of a part's logits, of no more tokens than a batch has.
  static func partNumbers(_ configuration: ModelConfiguration) -> Int {
    let vocabulary = configuration.vocabularySize
    return vocabulary * min(rowsAtOnce(vocabulary), TextBatch.mostTokens)
  }

  /// The logits of some rows.
  package func logits(_ x: Matrix<Element>) -> Matrix<Element> {
    Matrix(product: x.view, weight.transposed)
  }

  /// Measures of predicted tokens, and the gradient by what they are predicted from.
  ///
  /// - Parameters:
  ///   - measure: What is taken of each row of logits.
  ///   - x: tokens × hidden, a row for each prediction.
  ///   - targets: The token that each row is to predict.
  ///   - draws: A number uniform in [0, 1) for each row, to predict a token that is drawn by the row's own
  ///     probabilities in place of its target; nil draws none.
  ///   - weights: A factor of each row's gradient.
  ///   - needsGradient: Whether there is one to take.
  package func measures(
    _ measure: LogitMeasure, of x: Matrix<Element>, targets: [Int32], draws: [Double]? = nil,
    weights: [Element], needsGradient: Bool
  ) -> (values: [Double], dx: Matrix<Element>?) {
    var values: [Double] = []
    var dx = needsGradient ? Matrix<Element>.zeros(x.rows, x.columns) : nil
    for first in stride(from: 0, to: x.rows, by: rowsAtOnce) {
      let part = first..<min(x.rows, first + rowsAtOnce)
      var logits = Matrix(product: x.view[rows: part], weight.transposed)
      values += logits.turnIntoGradient(
        of: measure, targets: draws.map { logits.drawnColumns($0[part]) } ?? Array(targets[part]),
        weights: Array(weights[part]))
      dx?.set(product: logits.view, weight.view, firstRow: first)
    }
    return (values, dx)
  }
}
