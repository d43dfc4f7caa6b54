internal import LinearAlgebra
internal import RealModule

/// The softmax cross-entropy of a batch of logits, in nats, with its gradient.
///
/// Example i's loss is log Σₖ exp(zₖ) − z_y, its own and not divided by the batch size. Sums run in
/// `Double` over exp(zₖ − max z), so no logit is too large. The classes other than the label are
/// summed apart: a well fitted example's loss is log(1 + rest), and the gradient by its own logit is
/// minus the sum of the others, which loses no digits where 1 − p would.
struct SoftmaxCrossEntropy<Element: Scalar> {
  /// The loss of each example.
  private(set) var losses: [Double]
  /// The gradient of each example's loss by its logits, softmax − one-hot, `n × classes`.
  let gradients: Matrix<Element>

  /// Compares logits with labels.
  ///
  /// - Parameters:
  ///   - logits: `n × classes`.
  ///   - labels: n classes.
  @specialized(where Element == Float)
  @specialized(where Element == Double)
  init(logits: Matrix<Element>, labels: ArraySlice<Int>) {
    let classes = logits.columns
    precondition(labels.count == logits.rows, "\(labels.count) labels for \(logits.rows) rows")
    let values = logits.elements
    var gradients = [Element](repeating: 0, count: values.count)
    losses = []
    losses.reserveCapacity(logits.rows)
    for (row, label) in labels.enumerated() {
      let start = row * classes
      let row = start..<start + classes
      let own = start + label
      let largest = row.reduce(-Double.infinity) { max($0, Double(values[$1])) }
      let ownPower = Double.exp(Double(values[own]) - largest)
      var rest = 0.0
      for index in row where index != own { rest += Double.exp(Double(values[index]) - largest) }
      let total = ownPower + rest
      for index in row where index != own {
        gradients[index] = Element(Double.exp(Double(values[index]) - largest) / total)
      }
      gradients[own] = Element(-rest / total)
      losses.append(
        ownPower == 1
          ? Double.log(onePlus: rest) : Double.log(total) + largest - Double(values[own]))
    }
    self.gradients = Matrix(rows: logits.rows, columns: classes, elements: gradients)
  }
}
