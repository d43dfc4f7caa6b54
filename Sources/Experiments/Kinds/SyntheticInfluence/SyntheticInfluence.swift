internal import InfluenceKit
internal import OrderedCollections
internal import Reporting

/// Influence on utility, fairness and robustness of points in the plane: without a Hessian, with it, and in truth.
///
/// On gaussians the classifier is logistic regression. On other shapes it is a perceptron whose head is trained
/// on to its minimum: what lies before the head is taken as fixed, for scores and truth alike. The truth is the
/// change of each functional when the classifier is trained again without a point; the problem is convex, so that
/// it has one answer.
struct SyntheticInfluence: Experiment {
  static let kind = "synthetic"
  static let summary =
    "Does the inner product rank points as the Hessian does, and as leaving them out does"
  static let source =
    "Revisit, Extend, and Enhance Hessian-Free Influence Functions (arXiv 2405.17490), synthetic data."

  static let settings =
    [
      Setting(
        "shapes", .choices(of: SyntheticGroups.Shape.self),
        standard: ["gaussians", "moons"],
        help: "where the classes lie; all but gaussians need the perceptron"),
      Setting("data.noise", .number(0...100), standard: 0.3, help: "the deviation of points"),
      Setting(
        "data.group-correlation", .number(-1...1), standard: 0.5,
        help: "the correlation of group and label"),
      Setting.count("data.training", 150, help: "training points"),
      Setting.count("data.validation", 300, help: "points that the functionals are measured on"),
    ] + ClassifierInfluence.modelSettings(regularization: 0.01) + ClassifierInfluence.settings
    + PerceptronPlan.settings(.init(hidden: [16], epochs: 200, learningRate: 1e-2))

  /// What a file says of the points.
  private struct Points: Decodable {
    let noise: Double
    let groupCorrelation: Double
    let training: Int
    let validation: Int
  }

  struct Result: Codable, Sendable {
    /// On the validation points.
    var accuracy: Double
    var functionals: OrderedDictionary<String, Double>
    var x: [Double]
    var y: [Double]
    var labels: [Int]
    /// The lines of the decision boundary: x and y of each point in turn.
    var boundary: [[Double]]
    /// The change of each measure on leaving a point out.
    var truth: Measures
    var scores: OrderedDictionary<String, Measures>
  }

  /// A number for each training point, by measure.
  typealias Measures = OrderedDictionary<String, [Double]>

  let shapes: [SyntheticGroups.Shape]
  let classifier: ClassifierInfluence.Options
  private let data: Points
  private let plan: PerceptronPlan
  private let attack: BoundaryAttack
  private let training: NewtonSettings

  init(_ settings: Settings) throws {
    shapes = settings.texts("shapes").compactMap { SyntheticGroups.Shape(rawValue: $0) }
    classifier = settings.values()
    data = settings.values(below: "data")
    guard classifier.methods.contains(.exactHessian) else {
      throw settings.invalid("methods", "exact-hessian is what the others are held against; add it")
    }
    guard data.training >= 3 else {
      throw settings.invalid("data.training", "a correlation needs at least 3 points")
    }
    plan = PerceptronPlan(settings)
    attack = try BoundaryAttack(strength: classifier.attack)
    training = NewtonSettings(regularization: classifier.model.regularization)
  }

  var inputs: OrderedDictionary<String, String> { ["synthetic": "generated"] }

  var points: [SyntheticGroups.Shape] { shapes }
  func name(of shape: SyntheticGroups.Shape) -> String? { shape.rawValue }

  /// What truths and scores are of: the functionals, and robustness when the attack is made anew.
  static let measures = FunctionalQuery.Kind.allCases.map(\.rawValue) + [attackedAnew]
  static let attackedAnew = "robustness-anew"

  func compute(
    seed: UInt64, at shape: SyntheticGroups.Shape, _ context: CellContext
  ) throws -> CellResult<Self> {
    let parts = try SyntheticGroups(
      shape, noise: data.noise, groupCorrelation: data.groupCorrelation, seed: seed
    ).parts([data.training, data.validation])
    let points = parts[0].data
    let perceptron: MultilayerPerceptron<Double>? =
      shape == .gaussians
      ? nil : try plan.network(for: points).trained(on: points, seed: seed).network
    func features(_ data: TabularDataSet<Double>) throws -> TabularDataSet<Double> {
      try perceptron?.penultimateFeatures(of: data) ?? data
    }
    let validation = try GroupedDataSet(features(parts[1].data), groups: parts[1].groups)
    let model = try LogisticRegression(trainedOn: features(points), settings: training)
    let head = BinaryHead(model)
    let queries = try FunctionalQuery.Kind.allCases.map {
      try FunctionalQuery($0, on: validation, deployed: head, attack: attack)
    }
    let truth = try changes(of: model, queries, validation, context)
    let influence = ClassifierInfluence(of: model, classifier)
    var scores: OrderedDictionary<String, Measures> = [:]
    for method in classifier.methods {
      let values = try influence.scores(of: queries, by: method, seed: seed)
      scores[method.rawValue] = Self.named(values + [values[3]])
    }
    let boundary = DecisionBoundary(
      x: Self.range(points.features, 0), y: Self.range(points.features, 1), cells: 48
    ) { grid in
      let places = perceptron?.penultimateFeatures(of: grid.view) ?? grid
      return head.scores(of: places)
    }
    return CellResult(
      Result(
        accuracy: try head.accuracy(on: validation.data),
        functionals: OrderedDictionary(
          uniqueKeysWithValues: try queries.map { ($0.kind.rawValue, try $0.value(of: head)) }),
        x: Self.column(0, of: points.features), y: Self.column(1, of: points.features),
        labels: points.labels,
        boundary: boundary.lines.map { $0.flatMap { [$0.x, $0.y] } },
        truth: Self.named(truth), scores: scores))
  }

  /// How each functional changes when one point is left out: a list of n numbers for each measure.
  private func changes(
    of model: LogisticRegression, _ queries: [FunctionalQuery],
    _ validation: GroupedDataSet<Double>, _ context: CellContext
  ) throws -> [[Double]] {
    let factor = try Cholesky(factoring: model.hessian())
    let anew = ClassifierFunctional.robustness(attack)
    @Sendable func values(_ head: BinaryHead) throws -> [Double] {
      try queries.map { try $0.value(of: head) } + [anew.value(of: head, on: validation)]
    }
    let before = try values(BinaryHead(model))
    context.progress("leaving out", 0)
    let after = try Parallelism.map(model.data.count) { row in
      try values(BinaryHead(model.leavingOut(row, factor: factor)))
    }
    return before.indices.map { measure in after.map { $0[measure] - before[measure] } }
  }

  private static func named(_ lists: [[Double]]) -> Measures {
    OrderedDictionary(uniqueKeysWithValues: zip(measures, lists))
  }

  private static func column(_ column: Int, of points: Matrix<Double>) -> [Double] {
    (0..<points.rows).map { points[$0, column] }
  }

  /// From the least to the greatest, and a little more.
  private static func range(_ points: Matrix<Double>, _ column: Int) -> ClosedRange<Double> {
    let values = Self.column(column, of: points)
    let (low, high) = (values.min() ?? 0, values.max() ?? 1)
    let margin = 0.05 * max(high - low, 1e-6)
    return low - margin...high + margin
  }
}
