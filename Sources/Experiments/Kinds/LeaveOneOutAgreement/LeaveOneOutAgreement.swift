internal import InfluenceKit
internal import OrderedCollections

/// How well each method foretells what leaving one example out does to a convex model.
///
/// The case that influence functions are derived for: one minimum, reached to ‖∇‖ ≤ 10⁻¹⁰, and the
/// change of each query's loss when one example's term is taken from the loss and the model trained anew.
/// Koh and Liang (2017), figure 2, and dattri's benchmark of logistic regression do the same.
struct LeaveOneOutAgreement: ExperimentOnExamples {
  static let kind = "leave-one-out"
  static let summary =
    "How well does influence foretell leaving one example out of a convex model"
  static let source =
    "Koh and Liang (arXiv 1703.04730), figure 2; dattri's benchmark of logistic regression; \"Influence functions in deep learning are fragile\" (ICLR 2021)."

  static let settings =
    [
      Setting(
        "models", .choices(of: Model.self), standard: ["softmax", "logistic"],
        help: "softmax: all classes; logistic: two of them"),
      Setting(
        "penalties", .numbers(.positive), standard: [1e-3],
        help: "α of the penalty (α/2)·‖θ‖² on the mean loss"),
      Setting(
        "classes", .integers(0...Setting.mostCounted), standard: [3, 8],
        help: "the two classes of logistic regression"),
      Setting(
        "damping", .number(.positive), standard: 0.1,
        help: "λ of all methods but exact-hessian and exact-ggn, by the mean eigenvalue of F"),
      Setting.methods(
        "methods",
        [HessianFree.name, DataInf.name, KFAC.name, ExactFisher.name, ExactHessian.name],
        help: "what is held against the truth"),
    ]
    + LabelledExamples.settings(.init(training: 600, validation: 200, test: 0))

  enum Model: String, CaseIterable { case softmax, logistic }

  static let random = "random"

  struct Result: Codable, Sendable {
    /// The numbers of training examples and of queries.
    var training: Int
    var queries: Int
    /// The norm of the gradient of the loss at the minimum.
    var gradientNorm: Double
    /// On the queries.
    var accuracy: Double
    /// The agreement of each method with the truth; of random scores too.
    var methods: OrderedDictionary<String, Agreement>
    var warnings: [String]
    /// The true changes of the first query's loss, for a sample of the training examples.
    var firstQueryTruth: [Double]
    /// The same as each method foretells it.
    var firstQuery: OrderedDictionary<String, [Double]>
  }

  /// How well one method foretells the truth; means over queries.
  struct Agreement: Codable, Sendable {
    @NullWhenNil var pearson: Double?
    @NullWhenNil var spearman: Double?
    @NullWhenNil var top10PercentOverlap: Double?
    /// What S/n must be multiplied by to be nearest to the truth.
    var slope: Double
    /// The number of queries whose scores or changes are constant.
    var undefinedQueries: Int
  }

  let models: [Model]
  let penalties: [Double]
  let methods: [String]
  private let classes: [Int]
  private let damping: Damping
  let data: LabelledExamples

  init(_ settings: Settings) throws {
    models = settings.texts("models").compactMap(Model.init)
    penalties = settings.numbers("penalties")
    try settings.requireDistinct(penalties, "penalties", "a penalty")
    methods = settings.texts("methods")
    classes = settings.integers("classes")
    damping = .relative(settings.number("damping"))
    data = try LabelledExamples(settings)
    guard Set(classes).count == 2, classes.count == 2, classes.allSatisfy({ $0 < data.classCount })
    else {
      throw settings.invalid("classes", "give two different classes below \(data.classCount)")
    }
  }

  struct Point: Hashable {
    let model: Model
    let penalty: Double
  }

  var points: [Point] {
    models.flatMap { model in penalties.map { Point(model: model, penalty: $0) } }
  }

  func name(of point: Point) -> String? { "\(point.model.rawValue)/penalty-\(point.penalty)" }

  func compute(
    seed: UInt64, at point: Point, _ context: CellContext
  ) throws -> CellResult<Self> {
    let newton = NewtonSettings(regularization: point.penalty)
    switch point.model {
    case .softmax:
      let task = TrainingTask(data) { parts, _, _ in
        try SoftmaxRegression(trainedOn: parts.training, settings: newton)
      }
      return try agreement(of: task.trained(seed: seed), in: Float.self, context)
    case .logistic:
      let task = TrainingTask(TwoClasses(data: data, classes: classes)) { parts, _, _ in
        try LogisticRegression(trainedOn: parts.training, settings: newton)
      }
      return try agreement(of: task.trained(seed: seed), in: Double.self, context)
    }
  }

  private func agreement<Model: ConvexClassifier>(
    of trained: TrainedTask<Model>, in precision: (some Scalar).Type, _ context: CellContext
  ) throws -> CellResult<Self> {
    let queries = trained.parts.validation
    let truth = try LeaveOneOut.changes(of: trained.model, queries: queries) {
      context.progress("leaving one out", $0)
    }
    let pair = try trained.gradients(for: methods, as: precision)
    // The Hessian holds the penalty, so nothing is added to it.
    let scores = try MethodScores(
      of: methods, on: pair, damping: damping, wholeDamping: .absolute(0))
    var generator = SeededGenerator(seed: trained.seed, stream: 1 << 50)
    let drawn = Matrix<Double>.normal(truth.rows, truth.columns, using: &generator)
    let count = Double(truth.columns)
    var agreements: OrderedDictionary<String, Agreement> = [:]
    for (method, matrix) in zip(methods + [Self.random], scores.values + [drawn]) {
      let agreement = try ScoreAgreement(of: matrix, with: truth)
      let products = zip(matrix.elements, truth.elements).reduce(0) { $0 + $1.0 / count * $1.1 }
      let squares = matrix.elements.reduce(0) { $0 + $1 / count * ($1 / count) }
      agreements[method] = Agreement(
        pearson: agreement.meanPearson, spearman: agreement.meanSpearman,
        top10PercentOverlap: agreement.meanTopOverlap, slope: products / squares,
        undefinedQueries: agreement.undefinedRows.count)
    }
    let sample = stride(from: 0, to: truth.columns, by: max(1, truth.columns / 200))
    return CellResult(
      Result(
        training: truth.columns, queries: truth.rows, gradientNorm: trained.model.gradientNorm,
        accuracy: try trained.answers(to: queries).accuracy, methods: agreements,
        warnings: scores.warnings,
        firstQueryTruth: sample.map { truth[0, $0] },
        firstQuery: OrderedDictionary(
          uniqueKeysWithValues: zip(methods, scores.values).map { method, matrix in
            (method, sample.map { matrix[0, $0] / count })
          })))
  }
}

/// The examples of two classes alone, the second of which is class 1.
private struct TwoClasses: ExampleSource {
  let data: LabelledExamples
  let classes: [Int]

  func parts(seed: UInt64) throws -> ExampleParts<TabularDataSet<Double>> {
    let parts = try data.parts(seed: seed)
    return ExampleParts(
      training: try binary(parts.training), validation: try binary(parts.validation))
  }

  private func binary(_ data: TabularDataSet<Double>) throws -> TabularDataSet<Double> {
    let chosen = data.selecting(data.labels.indices.filter { classes.contains(data.labels[$0]) })
    return try TabularDataSet(
      features: chosen.features, labels: chosen.labels.map { $0 == classes[1] ? 1 : 0 },
      classCount: 2)
  }
}
