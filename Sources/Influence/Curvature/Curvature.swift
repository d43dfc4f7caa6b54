public import Gradients
internal import TensorFiles

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
  /// The files of a kept fit; nil for one in memory.
  let fitFiles: FileWatch?

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
    let contexts = try Self.contexts(for: estimators, on: training, options: options)
    supply = try BlockSupply(
      fitting: estimators, contexts, on: training, options: options, progress: progress)
    normalizers = Normalizers()
    fitFiles = nil
    self.estimators = estimators
    self.training = training
    self.options = options
    self.contexts = contexts
    warnings =
      try TrainingWarnings.warnings(of: contexts, store: training)
      + TrainingWarnings.warnings(ofDampingIn: contexts, for: estimators, store: training)
      + TrainingWarnings.warnings(ofWeightsBy: estimators, on: training)
      + TrainingWarnings.warnings(ofCurvatureUsedBy: estimators, on: training)
      + TrainingWarnings.warnings(
        for: estimators, supply.needs, budget: options.memoryBudget)
      + TrainingWarnings.warnings(ofRefitted: supply.refittedBlocks, in: training)
    seconds = (clock.now - start).inSeconds
  }

  /// Makes sure that the files of a kept fit are those that were opened.
  func requireUnchangedFit() throws { try fitFiles?.requireUnchanged() }

  /// Refuses what no fit can be made of, and reads the norms.
  static func contexts(
    for estimators: [any Estimator], on training: GradientStore, options: CurvatureOptions
  ) throws -> [BlockContext] {
    try training.requireGradients()
    try estimators.validate(options.damping)
    for estimator in estimators {
      try estimator.validateSettings()
      try estimator.check(training)
    }
    try requireCombinable(estimators, by: options.combination)
    return try BlockContext.all(
      of: training, damping: options.damping, reduction: options.reduction)
  }

  /// Refuses methods whose scores are divided once blocks are summed, where blocks are combined in another way.
  static func requireCombinable(
    _ estimators: [any Estimator], by combination: BlockCombination
  ) throws(InfluenceError) {
    for estimator in estimators
    where combination != .sum && !estimator.normalization.isOfBlocks {
      throw .notCombinable(method: estimator.name, combination: combination.rawValue)
    }
  }

  /// The side of each block for one estimator, with the reason; nil for dead blocks.
  public func choices(forEstimator index: Int) -> [CostModel.Choice?] {
    supply.needs.map { $0.isDead ? nil : $0.choices[index] }
  }

  /// Whether every block is fitted once and kept; otherwise blocks are fitted when they are needed,
  /// for every set of queries anew, because together they do not fit in memory.
  public var keepsBlocks: Bool { supply.keepsBlocks }
}
