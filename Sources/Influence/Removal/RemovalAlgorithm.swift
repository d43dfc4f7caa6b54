/// How the set of examples is searched whose removal together changes a quantity the most.
///
/// Hu, Hu, Zhao and Ma, "Most Influential Subset Selection: Challenges, Promises, and Beyond" (arXiv
/// 2409.18153).
public enum RemovalAlgorithm: String, Sendable, CaseIterable {
  /// The k examples of the largest first-order effects of their own.
  case greedy
  /// The k examples of the largest effects of their own, each with its leverage: exact for one example of
  /// a least-squares fit (LAGS).
  case leverageAdjusted = "leverage-adjusted"
  /// The example of the largest effect is removed, the model brought up to date, and so on.
  case adaptive
  /// Every set of k examples.
  case exhaustive
}

/// Which change of the measured quantity is looked for.
public enum RemovalDirection: String, Sendable, CaseIterable {
  /// Removing the set raises the quantity.
  case raise
  /// Removing the set lowers the quantity.
  case lower

  /// 1 or −1: what effects are multiplied by so that the largest is looked for.
  package var sign: Double { self == .raise ? 1 : -1 }
}
