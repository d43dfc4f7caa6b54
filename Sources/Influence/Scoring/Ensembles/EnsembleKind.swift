/// How the members of an ensemble make one score.
public enum EnsembleKind: Sendable {
  /// Each is scored by itself, and scores are summed with the weights.
  case sum
  /// Each is the end of a segment of one training, in the order of training, and its weight is the segment's time: the sum
  /// of its learning rates. A query of the last member is followed back through the segments; those of the others are not read.
  case segments
}
