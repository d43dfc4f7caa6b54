public import Gradients
public import LinearAlgebra

/// The scores of one method at many dampings, from one eigendecomposition per block.
///
///     S(λ) = n·C·U·diag(1/(σ + nλ))·Uᵀ        K = U·diag(σ)·Uᵀ,  n ≤ d
///     S(λ) = V·Q·diag(1/(s + λ))·Qᵀ·Gᵀ        F = Q·diag(s)·Qᵀ,  d < n
///     S(λ) = (1/λ)·(C − (1/n)·C·W·K)          DataInf, W = diag(1/(λ + ν))
///
/// Eigenvalues that rounding has left below zero count as zero, so every damping has an answer; which
/// of them the precision can bear is said by ``Point/roundingAmplification``.
///
///     let grid = try DampingGrid(parsing: "1e-3:1:13")
///     let sweep = try DampingSweep(of: ExactFisher(), over: grid, on: training, queries: queries)
public struct DampingSweep: Sendable {
  /// One damping, with what the spectra say of it.
  public struct Point: Sendable {
    /// The damping.
    public let damping: Damping
    /// Whether it belongs to the grid; the default need not.
    public let isOnGrid: Bool
    /// Whether it is the default.
    public let isDefault: Bool
    /// Σ s/(s + λ) over all blocks: how many directions the damping leaves alone.
    public internal(set) var effectiveDimension: Double
    /// (s_max + λ)/λ of each block that is not dead, in the layout's order.
    public internal(set) var conditionNumbers: [Double]
    /// κ·√r of the worst block, with κ its condition number and r = tr(F)/s_max its stable rank: how
    /// many times the rounding of products can come back in the scores (docs/methods.md).
    public internal(set) var roundingAmplification: Double
    /// ‖(F + λ₀I)x − v‖/‖v‖ of each query, with x the answer at this damping and λ₀ the default.
    ///
    /// Over all blocks together: how far the one is from solving the other's system. 0 for a query
    /// that is zero.
    public internal(set) var relativeResiduals: [Double]
  }

  /// The method's name.
  public let method: String
  /// The precision that products of gradients ran in.
  public let precision: CurvatureOptions.Precision
  /// The grid.
  public let grid: DampingGrid
  /// How queries were combined.
  public let aggregation: Aggregation
  /// The dampings, ascending, but for a default off the grid, which comes last.
  public let points: [Point]
  /// Where the default damping stands in ``points``.
  public let defaultIndex: Int
  /// The number of queries m, 1 when aggregated.
  public let queryCount: Int
  /// The number of training examples n.
  public var exampleCount: Int { stack.columns }
  /// What the user should know: dead blocks, examples without a gradient.
  public let warnings: [String]
  /// Seconds spent.
  public let seconds: Double
  private let stack: Matrix<Double>

  /// The scores at one of ``points``.
  ///
  /// - Returns: S, `m × n`, helpful-positive; a copy.
  public func scores(at index: Int) -> Matrix<Double> {
    stack.selecting(rows: Array(index * queryCount..<(index + 1) * queryCount))
  }

  /// Sweeps.
  ///
  /// - Parameters:
  ///   - estimator: A method that can be swept: ``ExactFisher`` or ``DataInf``.
  ///   - grid: The dampings.
  ///   - training: n rows of gradients.
  ///   - queries: m rows of gradients, with the training store's blocks in any order.
  ///   - aggregation: One row of scores per query, or one for their mean.
  ///   - options: ``CurvatureOptions/damping`` is the default that the grid is held against; sides,
  ///     precision and memory as for a ``Curvature``. DataInf works on the score side.
  ///   - progress: Called as blocks are done.
  /// - Throws: ``InfluenceError``, or an error from reading a store.
  /// - Complexity: for L dampings n²d + 9n³ + 2mnd + 2Lmn² operations per block on the score side, and
  ///   nd² + 9d³ + 2Lmd² + 2Lmnd on the query side; memory L·m·n.
  public init(
    of estimator: any Estimator, over grid: DampingGrid, on training: GradientStore,
    queries: GradientStore, aggregation: Aggregation = .none,
    options: CurvatureOptions = CurvatureOptions(), progress: ProgressHandler? = nil
  ) throws {
    let clock = ContinuousClock()
    let start = clock.now
    let plan = try Plan(estimator, grid, training, queries, aggregation, options)
    var points = plan.points
    switch options.precision {
    case .single: stack = try plan.run(&points, progress, precision: Float.self)
    case .double: stack = try plan.run(&points, progress, precision: Double.self)
    }
    method = estimator.name
    precision = options.precision
    self.grid = grid
    self.aggregation = aggregation
    self.points = points
    defaultIndex = plan.defaultIndex
    queryCount = plan.queryCount
    warnings = TrainingWarnings.warnings(of: plan.contexts, store: training)
    seconds = (clock.now - start).inSeconds
  }
}

extension DampingSweep.Point {
  /// The greatest condition number of a block.
  public var worstCondition: Double { conditionNumbers.max() ?? 1 }
  /// The median of the blocks' condition numbers.
  public var medianCondition: Double { Statistics.median(conditionNumbers) ?? 1 }
  /// The median of the queries' residuals; nil without queries.
  public var medianResidual: Double? { Statistics.median(relativeResiduals) }
}
