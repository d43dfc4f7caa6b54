internal import Data
internal import Evaluation
internal import Gradients
internal import Influence
internal import LinearAlgebra
internal import Models
public import OrderedCollections
internal import TensorFiles

/// How well each method foretells what leaving one example out does to a convex model.
///
/// The case that influence functions are derived for: one minimum, reached to ‖∇‖ ≤ 10⁻¹⁰, and the
/// change of each query's loss when one example's term is taken from the loss and the model trained anew.
/// Koh and Liang (2017), figure 2, and dattri's benchmark of logistic regression do the same.
public struct LeaveOneOutAgreement: Experiment {
  /// `leave-one-out`.
  public static let kind = "leave-one-out"
  /// The question.
  public static let summary =
    "How well does influence foretell leaving one example out of a convex model"
  /// Koh and Liang, dattri, and the paper on fragility.
  public static let source =
    "Koh and Liang (arXiv 1703.04730), figure 2; dattri's benchmark of logistic regression; \"Influence functions in deep learning are fragile\" (ICLR 2021)."

  /// Models, penalties, methods, data.
  public static let settings =
    [
      Setting(
        "models", .choices(Model.allCases.map(\.rawValue)), standard: ["softmax", "logistic"],
        help: "softmax: all classes; logistic: two of them"),
      Setting(
        "penalties", .numbers(.positive), standard: [1e-3],
        help: "α of the penalty (α/2)·‖θ‖² on the mean loss"),
      Setting(
        "classes", .integers(0...Int.max), standard: [3, 8],
        help: "the two classes of logistic regression"),
      Setting(
        "damping", .number(.positive), standard: 0.1,
        help: "λ of all methods but exact-hessian and exact-ggn, by the mean eigenvalue of F"),
      Setting(
        "methods", .methods,
        standard: ["hessian-free", "datainf", "kfac", "exact", "exact-hessian"],
        help: "what is held against the truth"),
    ]
    + DataTask.settings(.init(training: 600, validation: 200, test: 0))

  enum Model: String, CaseIterable { case softmax, logistic }

  /// The name that random scores have among methods.
  static let random = "random"

  let models: [Model]
  let penalties: [Double]
  let methods: [String]
  private let classes: [Int]
  private let damping: Damping
  private let data: DataTask

  /// Opens the data.
  public init(_ settings: Settings) throws {
    models = settings.texts("models").compactMap(Model.init)
    penalties = settings.numbers("penalties")
    guard Set(penalties).count == penalties.count else {
      throw settings.invalid("penalties", "a penalty is given twice")
    }
    methods = settings.texts("methods")
    classes = settings.integers("classes")
    damping = .relative(settings.number("damping"))
    data = try DataTask(settings)
    guard Set(classes).count == 2, classes.count == 2, classes.allSatisfy({ $0 < data.classCount })
    else {
      throw settings.invalid("classes", "give two different classes below \(data.classCount)")
    }
  }

  /// The data set.
  public var inputs: OrderedDictionary<String, String> {
    OrderedDictionary(uniqueKeysWithValues: data.inputs)
  }

  /// One cell a seed, model and penalty.
  public func cells(seeds: [UInt64]) -> [ExperimentCell] {
    seeds.flatMap { seed in
      models.flatMap { model in
        penalties.map { penalty in
          ExperimentCell(Self.cell(seed, model, penalty)) { context in
            try compute(seed: seed, model, penalty, context)
          }
        }
      }
    }
  }

  static func cell(_ seed: UInt64, _ model: Model, _ penalty: Double) -> String {
    "seed-\(seed)/\(model.rawValue)/penalty-\(penalty)"
  }

  private func compute(
    seed: UInt64, _ model: Model, _ penalty: Double, _ context: CellContext
  ) throws -> CellResult {
    let parts = try data.parts(seed: seed)
    let newton = NewtonSettings(regularization: penalty)
    let (pair, truth, norm, accuracy): (GradientPair, Matrix<Double>, Double, Double)
    let progress: @Sendable (Double) -> Void = { context.progress("leaving one out", $0) }
    switch model {
    case .softmax:
      let (training, queries) = (parts.training, parts.validation)
      let trained = try SoftmaxRegression(trainedOn: training, settings: newton)
      truth = try LeaveOneOut.changes(of: trained, queries: queries, progress: progress)
      pair = try GradientPair(
        of: trained.model, training: training, queries: queries, methods: methods, seed: seed,
        penalty: penalty)
      (norm, accuracy) = (trained.gradientNorm, try trained.model.accuracy(on: queries))
    case .logistic:
      let (training, queries) = (try binary(parts.training), try binary(parts.validation))
      let trained = try LogisticRegression(trainedOn: training, settings: newton)
      truth = try LeaveOneOut.changes(of: trained, queries: queries, progress: progress)
      pair = try GradientPair(of: trained, queries: queries, methods: methods)
      let isRight = zip(trained.logits(of: queries.features), queries.labels).map {
        ($0 > 0) == ($1 == 1)
      }
      norm = trained.gradientNorm
      accuracy = Double(isRight.count { $0 }) / Double(queries.count)
    }
    // The Hessian holds the penalty, so nothing is added to it.
    let scores = try MethodScores(
      of: methods, on: pair, damping: damping, wholeDamping: .absolute(0))
    var generator = SeededGenerator(seed: seed, stream: 1 << 50)
    let drawn = Matrix<Double>.normal(truth.rows, truth.columns, using: &generator)
    var values: OrderedDictionary<String, OrderedJSON> = [:]
    for (method, matrix) in zip(methods + [Self.random], scores.values + [drawn]) {
      let agreement = try ScoreAgreement(of: matrix, with: truth)
      let count = Double(truth.columns)
      let products = zip(matrix.elements, truth.elements).reduce(0) { $0 + $1.0 / count * $1.1 }
      let squares = matrix.elements.reduce(0) { $0 + $1 / count * ($1 / count) }
      values[method] = [
        "pearson": .optional(agreement.meanPearson),
        "spearman": .optional(agreement.meanSpearman),
        "top_10_percent_overlap": .optional(agreement.meanTopOverlap),
        // What S/n must be multiplied by to be nearest to the truth.
        "slope": .number(products / squares),
        "undefined_queries": .integer(agreement.undefinedRows.count),
      ]
    }
    let sample = stride(from: 0, to: truth.columns, by: max(1, truth.columns / 200))
    let count = Double(truth.columns)
    return CellResult(values: [
      "training": .integer(truth.columns), "queries": .integer(truth.rows),
      "gradient_norm": .number(norm), "accuracy": .number(accuracy), "methods": .object(values),
      "warnings": .array(scores.warnings.map { .string($0) }),
      "first_query_truth": .numbers(sample.map { truth[0, $0] }),
      "first_query": .object(
        OrderedDictionary(
          uniqueKeysWithValues: zip(methods, scores.values).map { method, matrix in
            (method, OrderedJSON.numbers(sample.map { matrix[0, $0] / count }))
          })),
    ])
  }

  private func binary(_ data: TabularDataSet<Double>) throws -> TabularDataSet<Double> {
    let chosen = data.selecting(data.labels.indices.filter { classes.contains(data.labels[$0]) })
    return try TabularDataSet(
      features: chosen.features, labels: chosen.labels.map { $0 == classes[1] ? 1 : 0 },
      classCount: 2)
  }
}

extension GradientPair {
  /// The gradients of logistic regression: one block, `1 × d`, with the Hessian of its penalised loss.
  init(
    of model: LogisticRegression, queries: TabularDataSet<Double>, methods: [String]
  ) throws {
    let kinds = Needs(of: methods).kinds
    let training = try model.gradients(of: model.data, name: "training", as: Double.self)
    self.init(
      training: kinds.isEmpty
        ? training
        : training.with(
          curvature: try model.curvature(over: model.data, kinds, labels: .sampled(seed: 0))),
      queries: try model.gradients(of: queries, name: "queries", as: Double.self))
  }
}
