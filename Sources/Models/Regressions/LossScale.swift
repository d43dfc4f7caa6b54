/// What the penalty of a convex model is held against when it is trained on fewer examples.
public enum LossScale: String, Sendable, Hashable, CaseIterable {
  /// The mean loss of the examples that are left: training anew, as one would.
  case kept
  /// Their summed loss over the number of all examples: what is taken away is only its own term, which
  /// is the change that influence predicts.
  case all

  /// Settings with the penalty that belongs to the mean over what is left.
  ///
  /// - Parameters:
  ///   - settings: Of training on all examples.
  ///   - count: The number of all examples.
  ///   - kept: The number, or the weight, of those that are left.
  func settings(
    _ settings: NewtonSettings, count: Int, kept: Double
  ) -> NewtonSettings {
    var settings = settings
    // Weights of 0 alone are refused by the training itself.
    if self == .all, kept > 0 { settings.regularization *= Double(count) / kept }
    return settings
  }
}
