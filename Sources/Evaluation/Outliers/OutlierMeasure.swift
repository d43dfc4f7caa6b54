/// How far a gradient lies from the others, as one number; large marks an outlier.
public enum OutlierMeasure: Sendable, Hashable {
  /// The score of an isolation forest, in 0 ..< 1.
  case isolationForest(IsolationForestSettings)
  /// The sum of magnitudes Σ|g|.
  case l1
  /// The length ‖g‖.
  case l2

  /// The measure's name on the command line.
  public var name: String {
    switch self {
    case .isolationForest: "isolation-forest"
    case .l1: "l1"
    case .l2: "l2"
    }
  }
}
