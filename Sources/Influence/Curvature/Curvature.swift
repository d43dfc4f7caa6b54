public import Gradients
import LinearAlgebra
import Foundation

/// How a curvature is fitted.
public struct CurvatureOptions: Sendable {
  /// The precision that products of gradients run in.
  ///
  /// Norms, dampings, kernels, factorizations and
  /// sums over blocks are in double precision either way.
  public enum Precision: String, Sendable, CaseIterable {
    /// 32 bits: the speed of `sgemm`.
    case single
    /// 64 bits: for checking what 32 cost.
    case double
  }

  /// How λ is chosen.
  public var damping: Damping
  /// Which side each block is fitted on.
  public var costModel: CostModel
  /// Whether scores come with a ``Certificate``.
  public var certifies: Bool
  /// The precision of products.
  public var precision: Precision
  /// Where work is counted, if anywhere.
  public var meter: RunMeter?
  /// The most bytes that fitted matrices, scores and what they are made from may take together; a
  /// quarter of the machine's memory by default.
  ///
  /// Pages of mapped files do not count: the system takes them back when memory is short.
  public var memoryBudget: Int

  /// Makes options.
  public init(
    damping: Damping = .standard, costModel: CostModel = CostModel(), certifies: Bool = true,
    precision: Precision = .single, memoryBudget: Int? = nil, meter: RunMeter? = nil
  ) {
    self.meter = meter
    self.damping = damping
    self.costModel = costModel
    self.certifies = certifies
    self.precision = precision
    self.memoryBudget =
      memoryBudget ?? Int(clamping: ProcessInfo.processInfo.physicalMemory / 4)
  }

  /// The part of the budget that the matrices of blocks may take; the rest is for scores.
  var matrixBudget: Int { memoryBudget / 4 * 3 }
}

/// What long work calls now and then, with the stage and the share that is done, from 0 to 1.
public typealias ProgressHandler = @Sendable (_ stage: String, _ fraction: Double) -> Void

/// Estimators fitted to a training store: fit once, ask forever.
///
///     let curvature = try Curvature(fitting: [DataInf(), ExactFisher()], on: training)
///     let scores = try curvature.scores(of: queries)
///
/// One reading of each block serves every estimator. Blocks are worked on several at a time, and
/// their scores are added in the order of the layout, so results do not depend on the thread count.
public struct Curvature: Sendable {
  /// The methods, in the order in which scores are returned.
  public let estimators: [any Estimator]
  /// The training gradients.
  public let training: GradientStore
  /// How the curvature was fitted.
  public let options: CurvatureOptions
  /// What is known of each block: norms and damping, dead or not.
  public let contexts: [BlockContext]
  /// What the user should know: dead blocks, examples without a gradient.
  public let warnings: [String]
  /// Seconds spent on fitting.
  public let seconds: Double
  let supply: BlockSupply
  let normalizers: Normalizers

  /// Fits estimators to training gradients.
  ///
  /// - Parameters:
  ///   - estimators: The methods.
  ///   - training: n rows of gradients.
  ///   - options: Damping, sides, precision, memory.
  ///   - progress: Called as blocks are done.
  /// - Throws: ``InfluenceError``, or an error from reading the store; of blocks that do not fit in
  ///   memory together, when they are needed.
  public init(
    fitting estimators: [any Estimator], on training: GradientStore,
    options: CurvatureOptions = CurvatureOptions(), progress: ProgressHandler? = nil
  ) throws {
    let clock = ContinuousClock()
    let start = clock.now
    try options.damping.validate(for: estimators)
    for estimator in estimators {
      try estimator.validateSettings()
      try estimator.check(training)
    }
    let contexts = try BlockContext.all(of: training, damping: options.damping)
    supply = try BlockSupply(
      fitting: estimators, contexts, on: training, options: options, progress: progress)
    normalizers = Normalizers()
    self.estimators = estimators
    self.training = training
    self.options = options
    self.contexts = contexts
    warnings =
      Self.warnings(of: contexts, store: training)
      + supply.warnings(for: estimators, budget: options.memoryBudget)
    seconds = (clock.now - start).inSeconds
  }

  /// The side of each block for one estimator, with the reason; nil for dead blocks.
  public func choices(forEstimator index: Int) -> [CostModel.Choice?] {
    supply.plans.map { $0.context.isDead ? nil : $0.choices[index] }
  }

  /// Whether every block is fitted once and kept; otherwise blocks are fitted when they are needed,
  /// for every set of queries anew, because together they do not fit in memory.
  public var keepsBlocks: Bool { supply.keepsBlocks }

  static func warnings(of contexts: [BlockContext], store: GradientStore) -> [String] {
    var warnings: [String] = []
    let dead = contexts.filter(\.isDead).map(\.name)
    if !dead.isEmpty {
      warnings.append(
        "\(store.name): all training gradients are zero in \(dead.count == 1 ? "block" : "blocks") \(dead.joined(separator: ", ")), which contribute nothing"
      )
    }
    let zeroRows = (0..<store.count).filter { row in
      contexts.allSatisfy { $0.squaredNorms[row] == 0 }
    }
    if !zeroRows.isEmpty {
      let shown = zeroRows.prefix(10).map(String.init).joined(separator: ", ")
      warnings.append(
        "\(store.name): \(zeroRows.count) examples have a zero gradient and score zero (rows \(shown)\(zeroRows.count > 10 ? ", …" : ""))"
      )
    }
    return warnings
  }
}

extension Duration {
  /// The duration as a number of seconds.
  var inSeconds: Double {
    let (seconds, attoseconds) = components
    return Double(seconds) + Double(attoseconds) * 1e-18
  }
}
