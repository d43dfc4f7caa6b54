internal import InfluenceKit

/// The influence of the training rows of a logistic regression on functionals, by several methods.
///
/// Scores are helpful-positive: a row with a negative score is one without which f should be lower.
struct ClassifierInfluence: Sendable {
  /// How scores are computed.
  enum Method: CaseIterable, RawRepresentable, Codable, Sendable {
    /// V·Gᵀ.
    case hessianFree
    /// V·H⁻¹·Gᵀ with the Hessian of the regularised loss.
    case exactHessian
    /// DataInf on one block of all parameters.
    case dataInf
    /// The mean of V·Gᵀ over the model and copies with normal noise of one size on all parameters, as in the
    /// code of arXiv 2405.17490's authors.
    case noiseEnsemble
    /// The mean of V·Gᵀ over the model and draws from N(θ, H⁻¹/n), Laplace's approximation of the
    /// posterior: noise as large in each direction as the data leave it open.
    case laplaceEnsemble

    /// The name that files use; that of the engine's method where it is one.
    var rawValue: String {
      switch self {
      case .hessianFree: HessianFree.name
      case .exactHessian: ExactHessian.name
      case .dataInf: DataInf.name
      case .noiseEnsemble: "ensemble-noise"
      case .laplaceEnsemble: "ensemble-laplace"
      }
    }

    init?(rawValue: String) {
      guard let method = Self.allCases.first(where: { $0.rawValue == rawValue }) else { return nil }
      self = method
    }
  }

  /// What a file says of methods and of the classifier.
  struct Options: Decodable, Sendable {
    let methods: [Method]
    let ensemble: Ensemble
    let damping: Double
    let model: Model
    let attack: Double

    struct Ensemble: Decodable, Sendable {
      let members: Int
      let noise: Double
    }

    struct Model: Decodable, Sendable {
      let regularization: Double
    }
  }

  static let settings = [
    Setting(
      "methods", .choices(of: Method.self),
      standard: .array(Method.allCases.map { .string($0.rawValue) }),
      help: "how training rows are scored"),
    Setting(
      "ensemble.members", .integer(1...1000), standard: 5,
      help: "noisy copies of an ensemble, beside the model itself"),
    Setting(
      "ensemble.noise", .number(0...10), standard: 0.01,
      help: "the deviation of ensemble-noise on each parameter"),
    Setting(
      "damping", .number(.positive), standard: 0.1,
      help: "λ of datainf, as a share of the mean eigenvalue"),
  ]

  static func modelSettings(regularization: Double) -> [Setting] {
    [
      Setting(
        "model.regularization", .number(.positive), standard: .number(regularization),
        help: "α of the penalty (α/2)·|θ|² on the mean loss"),
      Setting(
        "attack", .number(0...100), standard: 1.3,
        help: "γ, how far attacks go: 1 is to the boundary"),
    ]
  }

  let model: LogisticRegression
  private let options: Options

  init(of model: LogisticRegression, _ options: Options) {
    self.model = model
    self.options = options
  }

  /// Scores all training rows for several queries.
  ///
  /// - Parameters:
  ///   - queries: m functionals.
  ///   - method: How they are scored.
  ///   - seed: Draws the noise of ensembles.
  /// - Returns: m lists of n numbers.
  func scores(
    of queries: [FunctionalQuery], by method: Method, seed: UInt64
  ) throws -> [[Double]] {
    let values: Matrix<Double>
    switch method {
    case .exactHessian:
      let rows = try Self.rows(queries, at: BinaryHead(model))
      let solved = try Cholesky(factoring: model.hessian()).solution(rows: rows)
      values = Matrix(product: solved.view, model.gradients(of: model.data).transposed)
    case .hessianFree:
      values = try engine(HessianFree(), [model.parameters], queries)
    case .dataInf:
      values = try engine(DataInf(), [model.parameters], queries)
    case .noiseEnsemble, .laplaceEnsemble:
      values = try engine(HessianFree(), memberParameters(method, seed: seed), queries)
    }
    return queries.indices.map { Array(values[row: $0]) }
  }

  /// The mean over members of the scores of an estimator.
  private func engine(
    _ estimator: some Estimator, _ members: [[Double]], _ queries: [FunctionalQuery]
  ) throws -> Matrix<Double> {
    let share = 1 / Double(members.count)
    let width = model.parameters.count
    let ensemble = try ScoreEnsemble(
      members.map { parameters in
        let head = BinaryHead(
          weights: Array(parameters.dropLast()), intercept: parameters.last ?? 0)
        return ScoreEnsemble.Member(
          weight: share,
          training: GradientStore(
            name: "training", blocks: [("head", [width], Self.gradients(head, model.data))]),
          queries: GradientStore(
            name: "functionals", blocks: [("head", [width], try Self.rows(queries, at: head))]))
      })
    let options = CurvatureOptions(
      damping: .relative(options.damping), certifies: false, precision: .double)
    return try ensemble.scores(by: estimator, options: options).values
  }

  /// The parameters of an ensemble's members, the model's own first.
  private func memberParameters(_ method: Method, seed: UInt64) throws -> [[Double]] {
    let center = model.parameters
    let members = options.ensemble.members
    var generator = SeededGenerator(seed: seed, stream: 0x656E_7365)
    let normals = Matrix(
      rows: members, columns: center.count,
      elements: (0..<members * center.count).map { _ in generator.normal() })
    var shifts = normals
    if method == .laplaceEnsemble {
      // z·L⁻¹ has the covariance H⁻¹ where H = L·Lᵀ; of the mean loss, so divided by the number of rows.
      let factor = try Cholesky(factoring: model.hessian())
      shifts = Self.colored(normals, by: factor)
      shifts.scale(by: 1 / Double(model.data.count).squareRoot())
    } else {
      shifts.scale(by: options.ensemble.noise)
    }
    return [center]
      + (0..<members).map { member in
        zip(center, shifts[row: member]).map { $0 + $1 }
      }
  }

  /// Rows of covariance H⁻¹ from rows of independent normals: x = z·L⁻¹ = (z·Lᵀ)·H⁻¹.
  private static func colored(
    _ normals: Matrix<Double>, by factor: Cholesky<Double>
  ) -> Matrix<Double> {
    // Whitening gives x·L⁻ᵀ; on the unit matrix L⁻ᵀ itself, whose transpose is L⁻¹.
    var inverse = Matrix<Double>.identity(factor.order)
    factor.whiten(rows: &inverse)
    return Matrix(product: normals.view, inverse.transposed)
  }

  /// (p − y)·x̃ of each row.
  private static func gradients(
    _ head: BinaryHead, _ data: TabularDataSet<Double>
  ) -> Matrix<Double> {
    var rows = data.features.appendingOnes()
    rows.scaleRows(
      by: zip(head.probabilities(of: data.features), data.labels).map { $0 - Double($1) })
    return rows
  }

  private static func rows(
    _ queries: [FunctionalQuery], at head: BinaryHead
  ) throws -> Matrix<Double> {
    Matrix(
      rows: queries.count, columns: head.weights.count + 1,
      elements: try queries.flatMap { try $0.gradient(of: head) })
  }
}
