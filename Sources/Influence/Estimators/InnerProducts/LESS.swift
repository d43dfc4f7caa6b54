public import Gradients
import LinearAlgebra
import RealModule

/// LESS: the cosine of a query's gradient with the step that Adam would take for a training example alone.
///
///     S = v·Γ(gᵢ) / (‖v‖·‖Γ(gᵢ)‖)
///     Γ(g) = m̂/(√v̂ + ε),   m̂ = (β₁·m + (1 − β₁)·g)/(1 − β₁ᵗ),   v̂ = (β₂·v + (1 − β₂)·g²)/(1 − β₂ᵗ)
///
/// Xia, Malladi, Gururangan, Arora and Chen, "LESS: Selecting Influential Data for Targeted Instruction Tuning" (ICML
/// 2024, arXiv 2402.04333), for one checkpoint; weighted by learning rates, several are an ensemble. m, v, β and ε are
/// those that the optimizer had when the gradients were taken (`OptimizerMoments`), t is the number of the step that
/// would follow. Γ is that step of Adam as PyTorch takes it, without the learning rate, which a cosine does not see, and
/// without decoupled weight decay, which is the same for all examples. The published code takes fixed β and ε, puts ε
/// under the root, and corrects neither moment's bias; ε aside the cosine is the same, since corrections are factors.
///
/// Products and norms are those of whole gradients, summed over the blocks before they are divided. A score is not linear
/// in gᵢ, and is no product with one direction of the query. An example without any gradient scores zero, although its
/// step would be the momentum's. LESS projects Γ(gᵢ) and v at random to 8,192 columns, so that they can be kept; here
/// nothing is projected.
///
/// - Cost: one pass per set of queries, 2mnd + 10nd operations; one more for the lengths of steps. No damping.
public struct LESS: Estimator {
  /// `less`.
  public static let name = "less"
  /// What the method is, in one line.
  public static let summary = "cosine with the step that Adam would take for an example"
  /// Formula, source and cost.
  public static let page: MethodPage? = MethodPage(
    formula: "S = v·Γ(gᵢ)/(‖v‖·‖Γ(gᵢ)‖), over whole gradients",
    "Γ(g) = m̂/(√v̂ + ε), m̂ = (β₁m + (1 − β₁)g)/(1 − β₁ᵗ), v̂ = (β₂v + (1 − β₂)g²)/(1 − β₂ᵗ)",
    source:
      "Xia, Malladi, Gururangan, Arora and Chen (2024, arXiv 2402.04333), without its random projection",
    cost: "2mnd + 10nd; a pass more for the lengths of steps",
    remark:
      "m, v, β and ε are those of the optimizer when the gradients were taken; learning rate and weight decay play no part."
  )

  /// Makes the estimator.
  public init() {}

  /// Scores are divided by the query's norm and the length of the example's step.
  public var normalization: ScoreNormalization { .queryNormAndChange }
  /// False: there is nothing to damp.
  public var isDamped: Bool { false }
  /// True: there is nothing to damp.
  public var allowsZeroDamping: Bool { true }
  /// False: steps are not linear in gradients.
  public var isLinear: Bool { false }
  /// Steps are made of gradients as they are read.
  public var querySide: (any QuerySideFit)? { QuerySide() }

  /// Requires the optimizer's moments of all blocks, and gradients that were not projected.
  public func check(_ training: GradientStore) throws {
    try OptimizerMoments.check(
      training, for: name, otherwise: "choose \(Cosine.name), which needs none")
  }

  private struct QuerySide: QuerySideFit {
    var needs: Set<Need> { [.optimizerMoments, .ownFit] }
    var givesScores: Bool { true }

    func scoringWork(queries: Int, _ block: BlockShape) -> Work {
      var work = Work()
      work.addPass(
        block, operations: Double(block.exampleCount) * operationsPerRow(queries, block.width),
        rows: queries)
      return work
    }

    func measuringWork(_ quantity: ExampleQuantity, _ block: BlockShape) -> Work {
      scoringWork(queries: 1, block)
    }

    func fit<Element: Scalar>(
      _ gram: BlockGram, pass: GradientPass<Element>
    ) throws -> any QuerySideOperator {
      let moments = try OptimizerMoments.required(by: LESS.name, beside: pass.store)
      return StepsOnQueries(
        moments: try moments.joined(ofBlock: gram.context.index, in: pass.store),
        rule: moments.rule)
    }
  }
}

/// Operations on one training row: its step, and the products with the queries.
private func operationsPerRow(_ queries: Int, _ width: Int) -> Double {
  Double(2 * queries + 10) * Double(width)
}

/// V·Γ(G)ᵀ of one block.
private struct StepsOnQueries: QuerySideOperator {
  let moments: OptimizerMoments.Moments
  let rule: OptimizerMoments.Rule

  private func steps<Element: Scalar>() -> AdaptiveSteps<Element> {
    let step = Double(rule.stepCount + 1)
    let (first, second) = (rule.firstDecay, rule.secondDecay)
    let (firstCorrection, secondCorrection) = (
      1 - Double.pow(first, step), 1 - Double.pow(second, step)
    )
    return AdaptiveSteps(
      offsets: moments.first.map { first * $0 / firstCorrection },
      scale: (1 - first) / firstCorrection,
      squareOffsets: moments.second.map { second * $0 / secondCorrection },
      squareScale: (1 - second) / secondCorrection, epsilon: rule.epsilon)
  }

  func precondition<Element: Scalar>(
    _ queries: MatrixView<Element>, pass: GradientPass<Element>
  ) throws -> Preconditioned<Element> {
    var products = Matrix<Element>.zeros(queries.rows, pass.store.count)
    try pass.forEachStep(steps(), queries: queries.rows) { rows, _, steps in
      products.set(product: queries, steps.transposed, firstColumn: rows.lowerBound)
    }
    try pass.reduction.gather(columnsOf: &products)
    var answer = Preconditioned(rows: Matrix(queries))
    answer.scores = products
    return answer
  }

  func selfInfluence<Element: Scalar>(
    pass: GradientPass<Element>, memory: Int
  ) throws -> (@Sendable (Range<Int>) throws -> [Double])? {
    { range in try values(of: range, pass) { gradients, steps in steps.rowDots(with: gradients) } }
  }

  func squaredChanges<Element: Scalar>(
    pass: GradientPass<Element>
  ) throws -> (@Sendable (Range<Int>) throws -> [Double])? {
    { range in try values(of: range, pass) { _, steps in steps.squaredRowNorms() } }
  }

  private func values<Element: Scalar>(
    of range: Range<Int>, _ pass: GradientPass<Element>,
    _ values: (_ gradients: MatrixView<Element>, _ steps: MatrixView<Element>) -> [Double]
  ) throws -> [Double] {
    var found: [Double] = []
    found.reserveCapacity(range.count)
    try pass.forEachStep(steps(), queries: 1, asQueries: true, in: range) { _, gradients, steps in
      found += values(gradients, steps)
    }
    return found
  }
}

extension GradientPass {
  /// Calls `body` with chunk after chunk of training gradients and the steps that follow from them.
  fileprivate func forEachStep(
    _ steps: AdaptiveSteps<Element>, queries: Int, asQueries: Bool = false,
    in range: Range<Int>? = nil,
    _ body: (Range<Int>, MatrixView<Element>, MatrixView<Element>) throws -> Void
  ) throws {
    let rowBytes = max(1, width * MemoryLayout<Element>.stride)
    try forEachChunk(
      of: max(16, Self.convertedChunkBytes(queries: queries) / rowBytes),
      rowOperations: operationsPerRow(queries, width), asQueries: asQueries, in: range
    ) { rows, gradients in
      var changed = Matrix(gradients)
      steps.apply(to: &changed)
      try body(rows, gradients, changed.view)
    }
  }
}
