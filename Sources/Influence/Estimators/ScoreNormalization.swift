/// What scores are divided by, once they are summed over the blocks unless said otherwise.
public enum ScoreNormalization: Sendable, Hashable {
  /// Nothing.
  case none
  /// The norms of both gradients, ‖v‖·‖gᵢ‖.
  case gradientNorms
  /// The root of the training example's self-influence, √(gᵢᵀ·M·gᵢ).
  case selfInfluence
  /// The roots of both self-influences, √(vᵀ·M·v · gᵢᵀ·M·gᵢ).
  case bothSelfInfluences
  /// How far the training example moves the parameters, ‖M·gᵢ‖.
  case parameterChange
  /// The norm of the query's gradient and how far the training example moves the parameters, ‖v‖·‖M·gᵢ‖.
  case queryNormAndChange
  /// 1 − gᵢᵀ·M·gᵢ/n, in each block by itself before the blocks are summed.
  case leverage
  /// Nothing; instead, scores are multiplied by a weight of the training example.
  case exampleWeights

  /// What of each training example is computed for it; nil where norms or nothing are enough.
  var exampleQuantity: ExampleQuantity? {
    switch self {
    case .none, .gradientNorms, .exampleWeights: nil
    case .selfInfluence, .bothSelfInfluences, .leverage: .selfInfluence
    case .parameterChange, .queryNormAndChange: .squaredChange
    }
  }

  /// Whether queries are divided by something of their own, so that the mean of their scores is not the score of their
  /// mean.
  public var dividesQueries: Bool {
    switch self {
    case .none, .selfInfluence, .parameterChange, .leverage, .exampleWeights: false
    case .gradientNorms, .queryNormAndChange, .bothSelfInfluences: true
    }
  }

  /// Whether nothing is divided once blocks are summed, so that they can be combined in another way.
  var isOfBlocks: Bool { self == .none || self == .leverage }

  /// Whether scores of some examples can be divided without anything of the others.
  var worksByExamples: Bool { self == .none || self == .gradientNorms }
}
