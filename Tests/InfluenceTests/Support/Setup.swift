import InfluenceKit
import Testing

/// Where and in what precision a computation runs: every result must be the same in all four.
struct Setup: Sendable, CustomTestStringConvertible {
  let precision: CurvatureOptions.Precision
  let side: Side

  static let all = CurvatureOptions.Precision.allCases.flatMap { precision in
    Side.allCases.map { Setup(precision: precision, side: $0) }
  }
  /// Both sides, in double precision: for what single precision cannot resolve.
  static let inDouble = Side.allCases.map { Setup(precision: .double, side: $0) }

  var testDescription: String { "\(precision.rawValue) precision, \(side.rawValue) side" }

  /// The distance of 1 to the next number in this precision.
  var unit: Double { precision.unit }

  func options(damping: Damping = .standard, certifies: Bool = true) -> CurvatureOptions {
    CurvatureOptions(
      damping: damping, costModel: CostModel(request: side == .score ? .score : .query),
      certifies: certifies, precision: precision)
  }

  /// Estimators fitted to a problem.
  func curvature(
    of problem: Problem, _ estimators: [any Estimator], certifies: Bool = true
  ) throws -> Curvature {
    try Curvature(
      fitting: estimators, on: problem.training(precision),
      options: options(damping: problem.damping, certifies: certifies))
  }

  /// The scores of a problem's queries.
  func scores(
    of problem: Problem, _ estimators: [any Estimator], certifies: Bool = true
  ) throws -> [Scores] {
    try curvature(of: problem, estimators, certifies: certifies)
      .scores(of: problem.queries(precision))
  }

  /// The scores of a problem's queries by one estimator.
  func scores(of problem: Problem, _ estimator: any Estimator) throws -> Matrix<Double> {
    let all = try scores(of: problem, [estimator])
    return try #require(all.first).values
  }

  /// The self-influence of a problem's examples by one estimator.
  func selfInfluence(of problem: Problem, _ estimator: any Estimator) throws -> [Double] {
    let all = try curvature(of: problem, [estimator]).selfInfluence().map(\.values)
    return try #require(all.first)
  }
}

extension CurvatureOptions.Precision {
  /// The distance of 1 to the next number.
  var unit: Double { self == .single ? Double(Float.ulpOfOne) : Double.ulpOfOne }
}

extension CurvatureOptions.Precision {
  /// What a certificate adds to a residual for what rounding could have done to it, as a share: γ of some
  /// hundred summands, times as many for sums of magnitudes in the place of sums.
  var certificateSlack: Double { self == .double ? 1e4 * 0x1p-53 : 0 }
}
