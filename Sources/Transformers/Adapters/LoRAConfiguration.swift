public import OrderedCollections
import TensorFiles

/// How a model gets its pairs of low rank: what PEFT keeps in `adapter_config.json`.
///
///     let configuration = LoRAConfiguration(rank: 8, alpha: 16, targets: .names(["query", "value"]))
public struct LoRAConfiguration: Sendable, Hashable {
  /// Which linear maps get a pair.
  public enum Targets: Sendable, Hashable {
    /// Those whose name is one of these, or ends with a dot and one of these.
    case names([String])
    /// Those whose whole name a regular expression in Python's syntax describes.
    case pattern(String)
    /// All of the layers.
    case allLinear
  }

  /// What the adapted model does.
  public enum Task: String, Sendable, Hashable, CaseIterable {
    /// It says the class of a text.
    case classification = "SEQ_CLS"
    /// It says the next token.
    case languageModel = "CAUSAL_LM"
  }

  /// Rows of A and columns of B, at least 1.
  public var rank: Int
  /// What the pairs are multiplied by, times their rank (or its square root); above 0.
  public var alpha: Double
  /// The chance, from 0 to below 1, that training leaves out a number that a pair reads.
  public var dropout: Double
  /// Which linear maps get a pair.
  public var targets: Targets
  /// Maps that get none in spite of ``targets``.
  public var exclusions: Targets
  /// Heads that are trained whole, such as `classifier`.
  ///
  /// The head of a model with ``Task/classification`` is always among them.
  public var modulesToSave: [String]
  /// Whether a pair is multiplied by alpha / √rank in place of alpha / rank (Kalajdzievski, "A rank stabilization
  /// scaling factor for fine-tuning with LoRA", 2023).
  public var usesRankStabilizedScale: Bool
  /// Other ranks of some maps: the first regular expression that describes the end of a name, from its beginning or a
  /// dot on.
  public var rankPattern: OrderedDictionary<String, Int>
  /// Other values of ``alpha``, found as those of ``rankPattern`` are.
  public var alphaPattern: OrderedDictionary<String, Double>
  /// The layers whose maps get a pair; nil for all.
  ///
  /// Maps that ``targets`` give their whole names are not asked for their layer.
  public var layers: [Int]?
  /// What stands before a layer's number in names, such as `layer`; any word where there are none.
  public var layerNames: [String]
  /// What the adapted model does; nil where it is not said.
  public var task: Task?
  /// Where the model is from, for people and for PEFT.
  public var baseModel: String?
  /// Whether the model stores its maps with a row for each input, which PEFT is told; the model decides.
  var storesTransposed = false

  /// Collects the settings; ranges are checked when an adapter is made of them.
  public init(
    rank: Int = 8, alpha: Double = 16, dropout: Double = 0, targets: Targets,
    exclusions: Targets = .names([]), modulesToSave: [String] = [],
    usesRankStabilizedScale: Bool = false, rankPattern: OrderedDictionary<String, Int> = [:],
    alphaPattern: OrderedDictionary<String, Double> = [:], layers: [Int]? = nil,
    layerNames: [String] = [], task: Task? = nil, baseModel: String? = nil
  ) {
    self.rank = rank
    self.alpha = alpha
    self.dropout = dropout
    self.targets = targets
    self.exclusions = exclusions
    self.modulesToSave = modulesToSave
    self.usesRankStabilizedScale = usesRankStabilizedScale
    self.rankPattern = rankPattern
    self.alphaPattern = alphaPattern
    self.layers = layers
    self.layerNames = layerNames
    self.task = task
    self.baseModel = baseModel
  }
}

extension LoRAConfiguration {
  /// Refuses values out of their ranges.
  func check() throws {
    func require(_ holds: Bool, _ setting: String, _ expected: String, _ found: Any) throws {
      guard holds else {
        throw AdapterError.invalidSetting(setting: setting, expected: expected, found: "\(found)")
      }
    }
    let most = Int(Int32.max)
    for rank in [rank] + rankPattern.values {
      try require((1...most).contains(rank), "the rank", "1 to 2^31 - 1", rank)
    }
    for alpha in [alpha] + alphaPattern.values {
      try require(alpha > 0 && alpha.isFinite, "alpha", "a finite number above 0", alpha)
    }
    try require((0..<1).contains(dropout), "the dropout", "a number from 0 to below 1", dropout)
  }

  /// The names that heads of classifiers have in any family.
  ///
  /// They are trained whole whatever ``modulesToSave`` says.
  var headNames: [String] { task == .classification ? ["classifier", "score"] : [] }
}

extension LoRAConfiguration.Targets {
  /// Reads what people write: `all-linear`, names with commas between them, or a regular expression.
  ///
  /// - Parameter text: Names hold letters, digits, `_`, `-` and dots; whatever holds something else is a regular
  ///   expression.
  public init(parsing text: String) {
    let names = text.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
    let isList = names.allSatisfy { name in
      !name.isEmpty
        && name.unicodeScalars.allSatisfy {
          $0 == "." || $0 == "-" || PatternStep.CharacterSet.word.contains($0)
        }
    }
    if text.lowercased() == Self.allLinearName {
      self = .allLinear
    } else {
      self = isList ? .names(names) : .pattern(text)
    }
  }

  /// The targets for sentences.
  var text: String {
    switch self {
    case .names(let names): names.map(\.quoted).joined(separator: ", ")
    case .pattern(let text): text.quoted
    case .allLinear: Self.allLinearName
    }
  }

  /// What stands for all linear maps.
  static let allLinearName = "all-linear"
}
