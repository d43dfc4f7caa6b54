import Influence

/// One way to rank training examples by how much their labels are to be doubted.
///
/// Which way is best differs between data sets, and cannot be known without labels that are known to be right.
public enum SuspectRanking: RawRepresentable, CaseIterable, Sendable, Hashable {
  /// How far an example's gradient points away from the queries' (GradCos of Pezeshkpour et al., 2021).
  case cosine
  /// Harm to the queries by the exact damped empirical Fisher matrix.
  case exact
  /// Harm to the queries by DataInf (arXiv 2310.00902).
  case dataInf
  /// The influence of an example on itself (Koh and Liang, 2017), by exact or, where that does not fit, by DataInf.
  case selfInfluence
  /// The length of an example's gradient in the last layer.
  case gradientNorm
  /// How few random splits part an example from the others in the last layer (arXiv 2405.03869).
  case isolationForest
  /// The example's training loss.
  case loss
  /// The share of an example's nearest neighbours, by what the last layer reads, that have another label.
  case neighbours
  /// The share of the nearest queries, by what the last layer reads, that have another label than the example.
  case queryNeighbours

  /// The name that people type; that of the method where it is one.
  public var rawValue: String {
    switch self {
    case .cosine: Cosine.name
    case .exact: ExactFisher.name
    case .dataInf: DataInf.name
    case .selfInfluence: "self-influence"
    case .gradientNorm: "gradient-norm"
    case .isolationForest: "isolation-forest"
    case .loss: "loss"
    case .neighbours: "neighbours"
    case .queryNeighbours: "query-neighbours"
    }
  }

  /// The ranking of a name; nil where there is none.
  public init?(rawValue: String) {
    guard let found = Self.allCases.first(where: { $0.rawValue == rawValue }) else { return nil }
    self = found
  }

  /// The ranking in one line.
  public var summary: String {
    switch self {
    case .cosine: "gradients that point away from the queries'"
    case .exact: "harm to the queries, exact"
    case .dataInf: "harm to the queries by DataInf"
    case .selfInfluence: "influence on itself"
    case .gradientNorm: "length of the last layer's gradient"
    case .isolationForest: "outliers among the last layer's gradients"
    case .loss: "training loss"
    case .neighbours: "nearest neighbours with other labels"
    case .queryNeighbours: "nearest queries with other labels"
    }
  }

  /// Whether the ranking is about queries.
  public var needsQueries: Bool { [.cosine, .exact, .dataInf, .queryNeighbours].contains(self) }
}
