public import Gradients
public import Influence

/// The damping that `auto` stands for, and why.
///
/// 1. Where the optimizer's moments lie beside the gradients and say what its learning rates sum to: gradient descent that
///    stops after a time c, the sum of its learning rates, damps like λ = 1/c (`Source`). Adam's steps are those of
///    gradient descent divided by √v̂ + ε of each parameter, so that λ = mean(√v̂ + ε)/c, the mean over all parameters.
/// 2. Otherwise the plateau of a sweep (`DampingStability`): where rankings depend the least on λ.
/// 3. Where there is none, the default.
public struct AutomaticDamping: Sendable {
  /// The damping.
  public let damping: Damping
  /// Why, in words for the user.
  public let reason: String

  /// The dampings of the sweep.
  public static let grid = "1e-4:10:11"

  /// Chooses.
  ///
  /// - Parameters:
  ///   - estimator: The method that will score; one that cannot be swept takes the sweep of exact.
  ///   - training: n rows of gradients.
  ///   - queries: m rows of gradients.
  ///   - options: As for a `Curvature`; its damping is the default that a sweep is held against.
  ///   - progress: Called while a sweep is made.
  /// - Throws: `InfluenceError`; an error of reading a store.
  /// - Complexity: Reading the moments; otherwise that of `DampingSweep`.
  public init(
    for estimator: any Estimator, on training: GradientStore, queries: GradientStore,
    options: CurvatureOptions, progress: ProgressHandler? = nil
  ) throws {
    guard estimator.isDamped else {
      damping = options.damping
      reason = "\(estimator.name) does not divide by λ"
      return
    }
    if let moments = try training.optimizerMoments(), let sum = moments.rule.learningRateSum {
      let root = try moments.meanRoot(in: training)
      damping = .absolute(root / sum)
      reason =
        "\(moments.rule.stepCount) steps of Adam with learning rates that sum to \(sum) damp like the mean root of its second moments, \(root), over that sum"
      return
    }
    let swept: any Estimator = estimator.sweep == nil ? ExactFisher() : estimator
    let sweep: DampingSweep
    do {
      sweep = try DampingSweep(
        of: swept, over: DampingGrid(parsing: Self.grid), on: training, queries: queries,
        options: options, progress: progress)
    } catch InfluenceError.tooLarge(let block, _, let order, _, _) {
      damping = options.damping
      reason =
        "the default: the store says nothing of learning rates, and the sweep of \(swept.name) needs more memory than it may take (block \(block), a matrix of order \(order))"
      return
    }
    let stability = try DampingStability(of: sweep)
    guard let found = stability.recommendation, found.isPlateau else {
      damping = options.damping
      reason =
        "the default: the store says nothing of learning rates, and the sweep of \(swept.name) over \(Self.grid) has no plateau"
      return
    }
    damping = sweep.points[found.index].damping
    reason =
      "the store says nothing of learning rates; in the sweep of \(swept.name) over \(Self.grid) \(stability.reason)"
  }
}
