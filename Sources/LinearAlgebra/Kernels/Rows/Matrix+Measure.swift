internal import CKernels

/// What is taken of a row of logits z and its target y, with p = softmax(z).
package enum LogitMeasure: Sendable, CaseIterable {
  /// −log p[y].
  case loss
  /// log(p[y] / (1 − p[y])).
  case margin
  /// z[y].
  case logit

  fileprivate var code: influence_measure {
    switch self {
    case .loss: influence_loss
    case .margin: influence_margin
    case .logit: influence_logit
    }
  }
}

extension Matrix {
  /// Replaces each row of logits by the gradient of a measure by them, times a weight.
  ///
  /// - Parameters:
  ///   - measure: The measure.
  ///   - targets: A column for each row.
  ///   - weights: A factor for each row.
  /// - Returns: The measure of each row, without its weight.
  package mutating func turnIntoGradient(
    of measure: LogitMeasure, targets: [Int32], weights: [Element]
  ) -> [Double] {
    precondition(
      targets.count == rows && weights.count == rows
        && targets.allSatisfy { $0 >= 0 && $0 < columns })
    var values = [Double](repeating: 0, count: rows)
    let (rowCount, columnCount) = (rows, columns)
    unsafe targets.withUnsafeBufferPointer { targets in
      unsafe weights.withUnsafeBufferPointer { weights in
        unsafe values.withUnsafeMutableBufferPointer { values in
          unsafe elements.withUnsafeMutableBufferPointer { logits in
            unsafe Element.kernels.rows.measure(
              measure.code, logits.baseAddress, rowCount, columnCount, targets.baseAddress,
              weights.baseAddress, values.baseAddress)
          }
        }
      }
    }
    return values
  }
}
