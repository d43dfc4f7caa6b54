internal import LinearAlgebra

/// The margin log p_y/(1 − p_y) of a batch of logits.
///
/// Equal to z_y − log Σ_{k≠y} exp(zₖ), whose gradient is one-hot minus the softmax over the other classes:
/// no 1 − p is ever divided by, so an example that fits perfectly is no exception.
enum Margin {
  /// The gradient of each example's margin by its logits, `n × classes`.
  ///
  /// - Parameters:
  ///   - logits: `n × classes`.
  ///   - labels: n classes.
  @specialized(where Element == Float)
  @specialized(where Element == Double)
  static func gradients<Element: Scalar>(
    logits: Matrix<Element>, labels: ArraySlice<Int>
  ) -> Matrix<Element> {
    let classes = logits.columns
    let values = logits.elements
    var gradients = [Element](repeating: 0, count: values.count)
    for (row, label) in labels.enumerated() {
      let start = row * classes
      let others = (start..<start + classes).filter { $0 != start + label }
      let softmax = Softmax(others.map { Double(values[$0]) })
      for (index, share) in zip(others, softmax.probabilities) {
        gradients[index] = Element(-share)
      }
      gradients[start + label] = others.isEmpty ? 0 : 1
    }
    return Matrix(rows: logits.rows, columns: classes, elements: gradients)
  }
}
