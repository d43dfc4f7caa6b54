import InfluenceKit

extension FitOptions {
  /// Puts a damping in the place of `auto`, and says which, and why.
  ///
  /// - Returns: The reason, for the record; nil where a damping was given.
  mutating func chooseDamping(
    for estimator: any Estimator, on training: GradientStore, _ queries: GradientStore
  ) throws -> String? {
    guard givenDamping == .automatic else { return nil }
    givenDamping = nil
    let options = try curvatureOptions(certifies: false)
    let found = try ProgressBar.during(quiet: quiet) {
      try AutomaticDamping(
        for: estimator, on: training, queries: queries, options: options, progress: $0)
    }
    givenDamping = .given(found.damping)
    if !quiet {
      Console.print("damping \(found.damping): \(Advice.withOptions(found.reason))")
    }
    return found.reason
  }
}
