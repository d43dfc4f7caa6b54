internal import InfluenceKit
internal import OrderedCollections

/// What an ensemble of gradients of one model, each under another dropout, is worth over one model.
///
/// "Revisit, Extend, and Enhance Hessian-Free Influence Functions" (arXiv 2405.17490): T members with the
/// weights of one trained network, member 0 without dropout, the others with a rate drawn from U(0, max), and
/// the mean of their scores. Here against the same number of networks trained with other seeds, whose mean
/// TracIn and TRAK take. Scores are of the mean validation query; test examples are seen by the last accuracy
/// alone.
struct InnerProductEnsemble: ExperimentOnExamples {
  static let kind = "inner-product-ensemble"
  static let summary = "What an ensemble of dropout gradients is worth over one model"
  static let source =
    "\"Revisit, Extend, and Enhance Hessian-Free Influence Functions\" (arXiv 2405.17490)."

  static let settings =
    [
      Setting(
        "members", .integers(1...1024), standard: [1, 2, 5, 10, 20],
        help: "numbers T of members, member 0 without dropout included"),
      Setting(
        "max-rates", .numbers(1e-6...0.999), standard: [0.001, 0.01, 0.1, 0.3],
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
    + LabelledExamples.settings(.init(training: 600, validation: 200, test: 500, flip: 0.2))
    + PerceptronPlan.settings(.init(hidden: [64, 32], epochs: 20))

  /// Where the members of an ensemble come from.
  enum Source: Hashable {
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

  struct Options: Decodable {
    let members: [Int]
    let maxRates: [Double]
    let draws: Int
    let reference: Int
    let methods: [String]
    let trim: Double
    let trimSeeds: Int
    let randomDraws: Int
  }

  /// What is measured of one seed: without ensembles, or of ensembles from one source of members.
  typealias Result = EitherResult<Baselines, Ensembles>

  /// What there is without ensembles.
  struct Baselines: Codable, Sendable {
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

  let options: Options
  /// The numbers of members, ascending.
  let members: [Int]
  let sources: [Source]
  let task: TrainingTask<LabelledExamples, TrainedPerceptron<Double>>
  var data: LabelledExamples { task.source }

  init(_ settings: Settings) throws {
    options = settings.values()
    members = Set(options.members).sorted()
    guard members.first == 1, members.count > 1 else {
      throw settings.invalid("members", "give 1, which is one model, and larger numbers")
    }
    try settings.requireDistinct(options.maxRates, "max-rates", "a rate")
    sources = options.maxRates.map(Source.dropout) + [.trained]
    guard settings.number("data.flip") > 0 else {
      throw settings.invalid("data.flip", "there would be no wrong label to find; give more than 0")
    }
    guard !settings.integers("model.hidden").isEmpty else {
      throw settings.invalid("model.hidden", "dropout needs a hidden layer")
    }
    task = TrainingTask(try LabelledExamples(settings), PerceptronPlan(settings))
  }

  enum Point: Hashable {
    /// What there is without ensembles.
    case baselines
    /// Ensembles whose members come from one source.
    case ensembles(Source)
  }

  var points: [Point] { [.baselines] + sources.map(Point.ensembles) }

  func name(of point: Point) -> String? {
    switch point {
    case .baselines: "baselines"
    case .ensembles(let source): source.name
    }
  }

  func compute(
    seed: UInt64, at point: Point, _ context: CellContext
  ) throws -> CellResult<Self> {
    switch point {
    case .baselines: CellResult(.first(try baselines(seed: seed)))
    case .ensembles(let source):
      CellResult(.second(try ensembles(seed: seed, source, context)))
    }
  }
}

extension ExperimentResults<InnerProductEnsemble> {
  /// What there is without ensembles, one for each seed.
  var baselines: [Kind.Baselines] {
    values(at: .baselines).compactMap(\.first)
  }

  /// The ensembles from one source, one for each seed.
  func ensembles(from source: Kind.Source) -> [Kind.Ensembles] {
    values(at: .ensembles(source)).compactMap(\.second)
  }
}
