internal import InfluenceKit
internal import OrderedCollections

/// Whether influence on attacked validation examples tells how to train a classifier that withstands the attack.
///
/// Someone moves a share of the test examples across the deployed classifier's boundary. The defender has
/// validation examples of which as many were attacked in the same way, with their labels; scores training rows by
/// the loss on them; and removes, relabels or reweights rows and trains again. The attack is not repeated.
struct AdversarialDefence: ExperimentOnExamples {
  static let kind = "adversarial-defence"
  static let summary = "Does influence on attacked examples help to withstand an attack"
  static let source =
    "Revisit, Extend, and Enhance Hessian-Free Influence Functions (arXiv 2405.17490), adversarial defence; attack of Chhabra et al. (ICLR 2024)."

  /// What a defender does with scores.
  enum Defence: String, CaseIterable, Decodable, Sendable {
    /// The lowest-scored rows go.
    case trim
    /// The lowest-scored rows get the other label.
    case relabel
    /// Each row's loss has the weight 2σ(β·z), z the score less its mean, by its deviation.
    case reweight
    /// Each row's features are multiplied by exp(2z), z cut off at ±3: what published scripts call reweighting.
    case scaleFeatures = "scale-features"
  }

  static let settings =
    [
      Setting(
        "shares", .numbers(0.001...1), standard: [0.05, 0.15, 0.25],
        help: "the shares of examples that are attacked, ascending"),
      Setting(
        "budget", .number(0.001...0.9), standard: 0.05,
        help: "the share of training rows that are removed or relabelled"),
      Setting(
        "defences", .choices(of: Defence.self),
        standard: ["trim", "relabel", "reweight"], help: "what is done with scores"),
      Setting(
        "reweight-strength", .number(0...100), standard: 1, help: "β of the weights 2σ(β·z)"),
      Setting.flag(
        "leak", false,
        help: "also score rows by the attacked test examples themselves, as published scripts do"),
      Setting.draws(3, help: "how many random scores the methods are held against"),
    ] + ClassifierInfluence.settings
    + GroupedExamples.settings(.init(training: 600, validation: 400, test: 1000))
    + ClassifierInfluence.modelSettings(regularization: 1e-3)

  struct Options: Decodable {
    let shares: [Double]
    let budget: Double
    let defences: [Defence]
    let reweightStrength: Double
    let leak: Bool
    let randomDraws: Int
  }

  struct Result: Codable, Sendable {
    /// The classifier as it is.
    var none: Accuracies
    /// The more frequent class, always.
    var majority: Accuracies
    /// A classifier that was trained on the attacked validation examples too.
    var trainOnValidation: Accuracies
    /// Rows scored by the attacked validation examples.
    var honest: Defended
    /// Rows scored by the attacked test examples, where that is asked for.
    var leaking: Defended?

    enum CodingKeys: String, CodingKey {
      case none, majority
      case trainOnValidation = "train-on-validation"
      case honest, leaking
    }
  }

  /// What each method reaches by each defence; draws of random scores are among the methods.
  typealias Defended = OrderedDictionary<String, OrderedDictionary<String, Accuracies>>

  /// The accuracies of one classifier on the test examples.
  struct Accuracies: Codable, Sendable {
    /// On all of them, a share of which was attacked.
    var attacked: Double
    /// On the attacked ones alone.
    var attackedRows: Double
    /// Before the attack.
    var clean: Double
  }

  static func draw(_ index: Int) -> String { "random-\(index)" }

  let options: Options
  let classifier: ClassifierInfluence.Options
  let data: GroupedExamples
  private let attack: BoundaryAttack
  private let training: NewtonSettings

  init(_ settings: Settings) throws {
    options = settings.values()
    guard zip(options.shares, options.shares.dropFirst()).allSatisfy({ $0 < $1 }) else {
      throw settings.invalid("shares", "give shares in ascending order, each once")
    }
    classifier = settings.values()
    attack = try BoundaryAttack(strength: classifier.attack)
    training = NewtonSettings(
      regularization: classifier.model.regularization, tolerance: 1e-9)
    data = try GroupedExamples(settings)
  }

  var points: [Double] { options.shares }
  func name(of share: Double) -> String? { "share-\(share)" }

  func compute(
    seed: UInt64, at share: Double, _ context: CellContext
  ) throws -> CellResult<Self> {
    let parts = try data.parts(seed: seed)
    let model = try LogisticRegression(trainedOn: parts.training.data, settings: training)
    let deployed = BinaryHead(model)
    let test = try attacked(parts.test, share, by: deployed, seed: seed, stream: 0x7465_7374)
    let validation = try attacked(
      parts.validation, share, by: deployed, seed: seed, stream: 0x7661_6C69)
    let field = Field(clean: parts.test.data, attacked: test.data.data, rows: test.rows)
    return CellResult(
      Result(
        none: try field.accuracies(of: deployed),
        majority: field.accuracies(ofAlways: parts.training.data.majorityLabel),
        trainOnValidation: try field.accuracies(
          of: BinaryHead(
            model.retrained(
              on: Self.joined(parts.training.data, validation.data.data), settings: training))),
        honest: try defended(
          model, validation.data, field, draws: options.randomDraws, seed: seed, context),
        leaking: options.leak
          ? try defended(model, test.data, field, draws: 0, seed: seed, context) : nil))
  }

  /// Attacks a random share of some examples.
  private func attacked(
    _ examples: GroupedDataSet<Double>, _ share: Double, by head: BinaryHead, seed: UInt64,
    stream: UInt64
  ) throws -> (data: GroupedDataSet<Double>, rows: [Int]) {
    var generator = SeededGenerator(seed: seed, stream: stream)
    let count = min(examples.count, Int((share * Double(examples.count)).rounded(.up)))
    let rows = generator.permutation(examples.count).prefix(count).sorted()
    let data = try attack.attacked(examples.data, by: head, rows: rows)
    return (try GroupedDataSet(data, groups: examples.groups), rows)
  }

  /// What each method and defence reaches, by method and then defence.
  private func defended(
    _ model: LogisticRegression, _ seen: GroupedDataSet<Double>, _ field: Field, draws: Int,
    seed: UInt64, _ context: CellContext
  ) throws -> Defended {
    let query = try FunctionalQuery(
      .utility, on: seen, deployed: BinaryHead(model), attack: attack)
    let influence = ClassifierInfluence(of: model, classifier)
    var lists: [(name: String, scores: [Double])] = []
    for method in classifier.methods {
      context.progress(method.rawValue, 0)
      lists.append(
        (method.rawValue, try influence.scores(of: [query], by: method, seed: seed)[0]))
    }
    for draw in 0..<draws {
      var generator = SeededGenerator(seed: seed, stream: 0x7261_6E64 + UInt64(draw))
      lists.append((Self.draw(draw), model.data.labels.map { _ in generator.normal() }))
    }
    let all = lists
    let defences = options.defences
    context.progress("defending", 0.5)
    let results = try Parallelism.map(all.count * defences.count) { index in
      let head = try defended(
        model, by: defences[index % defences.count], all[index / defences.count].scores)
      return try field.accuracies(of: head)
    }
    return OrderedDictionary(
      uniqueKeysWithValues: all.enumerated().map { row, list in
        let own = results[row * defences.count..<(row + 1) * defences.count]
        return (
          list.name, OrderedDictionary(uniqueKeysWithValues: zip(defences.map(\.rawValue), own))
        )
      })
  }

  private func defended(
    _ model: LogisticRegression, by defence: Defence, _ scores: [Double]
  ) throws -> BinaryHead {
    let data = model.data
    let kept = try TrimCurve.rows(removing: options.budget, scores: scores)
    switch defence {
    case .trim:
      return BinaryHead(try model.retrained(on: data.selecting(kept), settings: training))
    case .relabel:
      var labels = data.labels.map { 1 - $0 }
      for row in kept { labels[row] = data.labels[row] }
      return BinaryHead(try model.retrained(on: data.relabelled(labels), settings: training))
    case .reweight:
      let weights = Self.standardized(scores).map {
        2 * Self.sigmoid(options.reweightStrength * $0)
      }
      return BinaryHead(try model.retrained(on: data, weights: weights, settings: training))
    case .scaleFeatures:
      var features = data.features
      features.scaleRows(
        by: Self.standardized(scores).map { Self.power(2 * min(3, max(-3, $0))) })
      let scaled = try TabularDataSet(
        features: features, labels: data.labels, classCount: data.classCount)
      return BinaryHead(try LogisticRegression(trainedOn: scaled, settings: training))
    }
  }
}
