/// The length of a gradient over all tensors, and its limit.
enum GradientNorm {
  /// √(Σ g²), summed in double precision in the order of the numbers.
  static func of(_ gradient: [[Float]]) -> Double {
    var sum = 0.0
    for tensor in gradient {
      for number in tensor { sum += Double(number) * Double(number) }
    }
    return sum.squareRoot()
  }

  /// Scales a gradient of a norm down to a largest norm, as `torch.nn.utils.clip_grad_norm_` does.
  ///
  /// - Parameter largest: The norm; 0: any.
  static func limit(_ gradient: inout [[Float]], of norm: Double, to largest: Double) {
    let scale = largest / (norm + 1e-6)
    guard largest > 0, scale < 1 else { return }
    for tensor in gradient.indices {
      for index in gradient[tensor].indices { gradient[tensor][index] *= Float(scale) }
    }
  }
}

extension [Float] {
  /// Adds numbers in their places.
  mutating func add(_ other: [Float]) {
    precondition(count == other.count, "\(other.count) numbers added to \(count)")
    for index in indices { self[index] += other[index] }
  }
}
