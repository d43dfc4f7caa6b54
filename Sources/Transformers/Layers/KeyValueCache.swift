package import LinearAlgebra

/// Keys and values of the tokens of one text that a layer has met, so that a text can be gone on with.
package final class KeyValueCache<Element: Scalar> {
  /// Rows of tokens, of which the first ``count`` are there.
  private(set) var keys: Matrix<Element>
  private(set) var values: Matrix<Element>
  private(set) var count = 0

  /// - Parameters:
  ///   - capacity: The most tokens.
  ///   - width: Heads of keys times their size.
  init(capacity: Int, width: Int) {
    keys = .zeros(capacity, width)
    values = .zeros(capacity, width)
  }

  /// Adds rows behind those that are there.
  func append(keys newKeys: Matrix<Element>, values newValues: Matrix<Element>) {
    keys.place(newKeys.view, firstRow: count, firstColumn: 0)
    values.place(newValues.view, firstRow: count, firstColumn: 0)
    count += newKeys.rows
  }
}
