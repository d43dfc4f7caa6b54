/// Whether a predicted change of a loss is more than can happen, or than the prediction is good for.
package enum Extrapolation {
  /// How many times first order a second-order effect may be.
  static let mostGrowth = 2.0

  /// Why a prediction is not to be believed; nil where nothing speaks against it.
  ///
  /// - Parameters:
  ///   - firstOrder: The change to first order.
  ///   - secondOrder: The change to second order; nil where there is none.
  ///   - loss: The loss that changes, where it is known; losses of training are never negative.
  package static func reason(firstOrder: Double, secondOrder: Double?, loss: Double?) -> String? {
    let change = secondOrder ?? firstOrder
    if let loss, loss >= 0, loss + change < 0 {
      return
        "a loss of \(loss) cannot fall by \(-change): the loss is taken for a parabola far from where it is one"
    }
    guard let secondOrder, abs(secondOrder) > mostGrowth * abs(firstOrder) else { return nil }
    return
      "second order is \(secondOrder) where first order is \(firstOrder): the set carries much of the curvature, so that the answer hangs on what is left of it"
  }
}
