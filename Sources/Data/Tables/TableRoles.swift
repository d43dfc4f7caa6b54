/// What each column of a table is for; every column needs a role, so that none is forgotten.
public struct TableRoles: Sendable, Equatable {
  /// Who is in group 1, by one column.
  public enum GroupRule: Sendable, Equatable {
    /// These values are group 1 and those group 0; any other is an error.
    case values(one: Set<String>, zero: Set<String>)
    /// These values are group 1, all others group 0.
    case oneOf(Set<String>)
    /// Numbers of at least this are group 1.
    case atLeast(Double)
  }

  /// What becomes of a categorical feature that is missing.
  public enum MissingRule: Sendable, Equatable {
    /// The row is dropped, and counted.
    case dropRow
    /// Missing is a category like others.
    case ownCategory
  }

  /// What becomes of a category that the fitted table does not have.
  public enum UnseenRule: Sendable, Equatable {
    /// It is an error.
    case refuse
    /// It is none of the categories, all of whose features are 0; and it is counted.
    case noCategory
  }

  /// The column of the label.
  public var label: String
  /// The label of class 1.
  public var positive: String
  /// The label of class 0; any other is an error.
  public var negative: String
  /// Whether a full stop at the end of a label is taken away, as UCI Adult's test file needs.
  public var stripsFullStop: Bool
  /// The column that decides the group; it is a feature only where it is also named as one.
  public var sensitive: String
  /// Who is in group 1.
  public var group: GroupRule
  /// The columns that are numbers, in the order of their features.
  public var numeric: [String]
  /// The columns that are categories, in the order of their features, after the numbers.
  public var categorical: [String]
  /// The columns that are not used.
  public var dropped: [String]
  /// The cells that stand for a missing value.
  public var missingMarkers: Set<String>
  /// What becomes of a missing category; a missing number, label or group always drops the row.
  public var missing: MissingRule
  /// What becomes of an unknown category.
  public var unseen: UnseenRule

  /// Collects roles; ``TableEncoding/init(fitting:roles:)`` checks them.
  public init(
    label: String, positive: String, negative: String, stripsFullStop: Bool = false,
    sensitive: String, group: GroupRule, numeric: [String], categorical: [String],
    dropped: [String] = [], missingMarkers: Set<String> = ["?", ""],
    missing: MissingRule = .dropRow, unseen: UnseenRule = .noCategory
  ) {
    self.label = label
    self.positive = positive
    self.negative = negative
    self.stripsFullStop = stripsFullStop
    self.sensitive = sensitive
    self.group = group
    self.numeric = numeric
    self.categorical = categorical
    self.dropped = dropped
    self.missingMarkers = missingMarkers
    self.missing = missing
    self.unseen = unseen
  }
}

extension TableRoles {
  /// UCI Adult: income above 50,000 dollars a year; men are group 1.
  ///
  /// `fnlwgt`, the weight of the person in the census, is dropped, as in Chhabra et al. (ICLR 2024) and Li
  /// and Liu (ICML 2022); so is `education`, which `education-num` says in full. Rows with a missing value
  /// are dropped (7 %), and `sex` remains a feature, as there.
  public static let adult = TableRoles(
    label: "income", positive: ">50K", negative: "<=50K", stripsFullStop: true, sensitive: "sex",
    group: .values(one: ["Male"], zero: ["Female"]),
    numeric: ["age", "education-num", "capital-gain", "capital-loss", "hours-per-week"],
    categorical: [
      "workclass", "marital-status", "occupation", "relationship", "race", "sex", "native-country",
    ],
    dropped: ["fnlwgt", "education"])

  /// The columns of UCI's `adult.data` and `adult.test`, which have no header.
  public static let adultColumns = [
    "age", "workclass", "fnlwgt", "education", "education-num", "marital-status", "occupation",
    "relationship", "race", "sex", "capital-gain", "capital-loss", "hours-per-week",
    "native-country", "income",
  ]

  /// UCI Bank Marketing: whether the client takes a term deposit.
  ///
  /// `unknown` is a category of the data set, not a missing value.
  ///
  /// - Parameter sensitive: What decides the group.
  public static func bank(sensitive: BankGroup = .age) -> TableRoles {
    TableRoles(
      label: "y", positive: "yes", negative: "no", sensitive: sensitive.column,
      group: sensitive.rule,
      numeric: ["age", "balance", "day", "duration", "campaign", "pdays", "previous"],
      categorical: [
        "job", "marital", "education", "default", "housing", "loan", "contact", "month",
        "poutcome",
      ])
  }

  /// The two groupings of Bank Marketing that fairness papers use.
  public enum BankGroup: String, Sendable, CaseIterable {
    /// Group 1 is 25 years or older, as in AIF360.
    case age
    /// Group 1 is married; single and divorced are group 0.
    case marital

    var column: String { rawValue }

    var rule: GroupRule {
      switch self {
      case .age: .atLeast(25)
      case .marital: .values(one: ["married"], zero: ["single", "divorced"])
      }
    }
  }
}
