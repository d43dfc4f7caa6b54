internal import RealModule

enum Probability {
  /// exp(−loss).
  static func ofLoss(_ loss: Double) -> Double { Double.exp(-loss) }
}
