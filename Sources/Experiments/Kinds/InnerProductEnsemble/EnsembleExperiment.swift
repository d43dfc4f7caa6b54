internal import InfluenceKit
internal import OrderedCollections

/// What an ensemble of gradients of one model, each under another dropout, is worth over one model.
///
/// "Revisit, Extend, and Enhance Hessian-Free Influence Functions" (arXiv 2405.17490): T members with the
/// weights of one trained network, member 0 without dropout, the others with a rate drawn from U(0, max), and
/// the mean of their scores. Here against the same number of networks trained with other seeds, whose mean
/// TracIn and TRAK take. Scores are of the mean validation query; test examples are seen by the last accuracy
/// alone.
protocol EnsembleExperiment: ExperimentOnExamples
where Point == EnsemblePoint, Result == EnsembleResult, Costs == OrderedDictionary<String, Double> {
  associatedtype Model: DifferentiableModel

  var options: EnsembleOptions { get }
  /// The numbers of members, ascending.
  var members: [Int] { get }
  var sources: [EnsembleSource] { get }
  /// The training of all members, in which all that is random follows from the seed.
  func trained(seed: UInt64, _ context: CellContext) throws -> TrainedTask<Model>
  /// A model as its training examples and as its queries are asked, each under masks of its own.
  func asked(_ model: Model, under dropout: Dropout) throws -> (training: Model, queries: Model)
  /// Models of other seeds on the same examples.
  func others(_ count: Int, than trained: TrainedTask<Model>) throws -> [Model]
}

/// What files say of ensembles.
struct EnsembleOptions: Decodable {
  let members: [Int]
  let maxRates: [Double]
  let draws: Int
  let reference: Int
  let methods: [String]
  let trim: Double
  let trimSeeds: Int
  let randomDraws: Int

  /// The settings of ensembles.
  ///
  /// - Parameter rates: The largest dropout rates unless the file says others.
  static func settings(rates: [Double]) -> [Setting] {
    [
      Setting(
        "members", .integers(1...1024), standard: [1, 2, 5, 10, 20],
        help: "numbers T of members, member 0 without dropout included"),
      Setting(
        "max-rates", .numbers(1e-6...0.999), standard: .array(rates.map { .number($0) }),
        help: "the largest dropout rates, each an ensemble of its own"),
      Setting.count(
        "draws", 3, help: "independent ensembles of the largest T, whose measures are averaged"),
      Setting(
        "reference", .integer(2...Setting.mostCounted), standard: 20,
        help: "further members, whose mean stands for that of very many"),
      Setting.methods("methods", [HessianFree.name, DataInf.name], help: "how a member scores"),
      Setting(
        "trim", .number(0.001...0.9), standard: 0.05,
        help: "the share of lowest scores that is removed"),
      Setting.count("trim-seeds", 2, help: "trainings after each removal"),
      Setting.count("random-draws", 5, help: "random removals to compare with"),
    ]
  }

  /// The seed of a member's own training, which no other member and no task of a run has.
  static func seed(of member: Int, besides seed: UInt64) -> UInt64 {
    seed &+ 1_000_003 &* UInt64(member + 1)
  }

  /// The numbers of members, ascending, and where members come from.
  ///
  /// - Throws: ``ExperimentError`` for numbers without 1, equal rates, or training labels that are all right.
  func plan(_ settings: Settings) throws -> (members: [Int], sources: [EnsembleSource]) {
    let members = Set(members).sorted()
    guard members.first == 1, members.count > 1 else {
      throw settings.invalid("members", "give 1, which is one model, and larger numbers")
    }
    try settings.requireDistinct(maxRates, "max-rates", "a rate")
    guard settings.number("data.flip") > 0 else {
      throw settings.invalid("data.flip", "there would be no wrong label to find; give more than 0")
    }
    return (members, maxRates.map(EnsembleSource.dropout) + [.trained])
  }
}

/// Where the members of an ensemble come from.
enum EnsembleSource: Hashable {
  /// Dropout with rates up to this.
  case dropout(Double)
  /// Trained with other seeds.
  case trained

  var name: String {
    switch self {
    case .dropout(let rate): "rate-\(rate)"
    case .trained: "trained"
    }
  }

  var label: String {
    switch self {
    case .dropout(let rate): "dropout to \(rate)"
    case .trained: "other seeds"
    }
  }
}

enum EnsemblePoint: Hashable {
  /// What there is without ensembles.
  case baselines
  /// Ensembles whose members come from one source.
  case ensembles(EnsembleSource)
}

/// What is measured of one seed: without ensembles, or of ensembles from one source of members.
typealias EnsembleResult = EitherResult<EnsembleBaselines, Ensembles>

/// The names of what is measured.
enum EnsembleCost {
  /// The stage that makes all further members, their gradients and scores.
  static let members = "members"
  /// Seconds by the clock of one of them.
  static let oneMember = "one member seconds"
}

/// What there is without ensembles.
struct EnsembleBaselines: Codable, Sendable {
  var validationAccuracy: Double
  /// The test accuracy after training on all examples.
  var accuracy: Double
  /// The test accuracies after removals at random.
  var randomAccuracies: [Double]
  var flipped: [Int]
  /// The score of each example by one model, by method.
  var scores: OrderedDictionary<String, [Double]>
}

/// Ensembles of growing size, whose members come from one source.
struct Ensembles: ResultWithOwnField {
  var methods: OrderedDictionary<String, Method>
  /// How far the library's ensemble is from the mean taken here; nil where it was not asked.
  @NullWhenNil var ensembleDifference: Double?

  enum CodingKeys: String, CodingKey { case methods, ensembleDifference }
  static let ownField = CodingKeys.methods

  /// The ensembles of one method.
  struct Method: Codable, Sendable {
    var ensembles: [Size]
    /// The variance of the mean of k members beyond member 0, for each size but the first.
    var variances: [Double]
    /// The test accuracy after trimming, for each size.
    var accuracies: [Double] = []
  }

  /// The ensembles of one size.
  struct Size: Codable, Sendable {
    var members: Int
    /// The area under the ROC curve of finding wrong labels, mean over draws.
    var auc: Double
    /// The rank correlation with the mean of very many members, mean over draws.
    var spearman: Double
  }
}

extension EnsembleExperiment {
  var points: [EnsemblePoint] { [.baselines] + sources.map(EnsemblePoint.ensembles) }

  func name(of point: EnsemblePoint) -> String? {
    switch point {
    case .baselines: "baselines"
    case .ensembles(let source): source.name
    }
  }

  func compute(
    seed: UInt64, at point: EnsemblePoint, _ context: CellContext
  ) throws -> CellResult<Self> {
    let trained = try trained(seed: seed, context)
    switch point {
    case .baselines: return CellResult(.first(try baselines(of: trained)))
    case .ensembles(let source):
      var costs: Costs = [:]
      let ensembles = try ensembles(of: trained, source, context, costs: &costs)
      return CellResult(.second(ensembles), costs: costs)
    }
  }
}

extension ExperimentResults where Kind: EnsembleExperiment {
  /// What there is without ensembles, one for each seed.
  var baselines: [EnsembleBaselines] {
    values(at: .baselines).compactMap(\.first)
  }

  /// The ensembles from one source, one for each seed.
  func ensembles(from source: EnsembleSource) -> [Ensembles] {
    values(at: .ensembles(source)).compactMap(\.second)
  }
}
