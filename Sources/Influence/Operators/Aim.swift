/// How near to the exact scores a method means to come.
public enum Aim: Hashable, Sendable {
  /// As near as ‖(F + λI)x − v‖ ≤ tolerance · ‖v‖ brings it.
  case residual(Double)
  /// Within this share of a query's largest score.
  case scores(Double)
}
