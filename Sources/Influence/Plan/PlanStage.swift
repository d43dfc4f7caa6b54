/// What one stage of a run reads and computes.
public struct PlanStage: Sendable, Hashable {
  /// A stage.
  public enum Name: String, Sendable, CaseIterable {
    /// The norms of the gradients, where they were not recorded.
    case norms
    /// Gram matrices and what is made of them.
    case fit
    /// Products with queries, solutions, certificates.
    case score
  }

  /// Which stage.
  public let name: Name
  /// Bytes of the store that are read, in all passes together.
  public internal(set) var storeBytes: Double = 0
  /// Bytes that go through memory: the store's, converted copies of them, matrices.
  public internal(set) var memoryBytes: Double = 0
  /// Operations of large products of gradients, in the precision of products.
  public internal(set) var productOperations: Double = 0
  /// Operations of products of fewer than 16 rows with gradients, in that precision.
  public internal(set) var skinnyOperations: Double = 0
  /// Operations in double precision: factorizations, solutions, certificates.
  public internal(set) var doubleOperations: Double = 0

  /// All operations.
  public var operations: Double { productOperations + skinnyOperations + doubleOperations }

  init(_ name: Name) { self.name = name }

  /// Adds what another stage does, several times over.
  mutating func add(_ other: PlanStage, times: Double) {
    storeBytes += times * other.storeBytes
    memoryBytes += times * other.memoryBytes
    productOperations += times * other.productOperations
    skinnyOperations += times * other.skinnyOperations
    doubleOperations += times * other.doubleOperations
  }

  /// Adds products of `rows` rows with gradients, which are skinny below 16 rows.
  mutating func addProducts(rows: Int, _ operations: Double) {
    if rows < 16 { skinnyOperations += operations } else { productOperations += operations }
  }
}

/// The stages of one block.
struct BlockStages {
  let demand: BlockDemand
  let options: CurvatureOptions
  /// n, m, d.
  let n: Int
  let m: Int
  let d: Int
  /// Bytes of one pass on disk.
  let storeBytes: Double
  /// Bytes of one pass through memory.
  let passBytes: Double

  private var elementBytes: Double { options.precision == .single ? 4 : 8 }
  private func square(_ order: Int) -> Double { Double(order) * Double(order) }
  private func order(on side: Side) -> Int { side == .score ? n : d }

  private func read(_ stage: inout PlanStage) {
    stage.storeBytes += storeBytes
    stage.memoryBytes += passBytes
  }

  func addNorms(to stage: inout PlanStage) {
    read(&stage)
    stage.skinnyOperations += OperationCount.norms(n: n, d: d)
  }

  /// K and F once for all, then each method's factor.
  func addFit(to stage: inout PlanStage) {
    if demand.needsKernel {
      read(&stage)
      stage.productOperations += OperationCount.kernel(n: n, d: d)
      stage.memoryBytes += 24 * square(n)
    }
    if demand.needsFisher {
      read(&stage)
      stage.productOperations += OperationCount.fisher(n: n, d: d)
      stage.memoryBytes += 24 * square(d)
    }
    for (estimator, choice) in zip(demand.estimators, demand.choices)
    where estimator.need(on: choice.side) == .gram {
      let order = order(on: choice.side)
      stage.doubleOperations += OperationCount.factorization(by: estimator.name, order: order)
      stage.memoryBytes += 16 * square(order)
    }
  }

  /// C = V·Gᵀ once, then what each method adds.
  func addScore(to stage: inout PlanStage) {
    let products = OperationCount.products(m: m, n: n, d: d)
    var hasCross = false
    for (estimator, choice) in zip(demand.estimators, demand.choices) where choice.side == .query {
      let hasFisher = estimator.need(on: .query) == .gram
      if let solver = estimator as? PreconditionedConjugateGradient {
        // A step is a pass of two products, and another with a preconditioner.
        let steps = OperationCount.steps(of: solver, m: m, n: n, d: d)
        for _ in 0..<steps * (solver.preconditioner == .none ? 1 : 2) {
          read(&stage)
          stage.addProducts(rows: m, 2 * products)
        }
      }
      // Of the others, only DataInf's query side passes over G before S.
      if !hasFisher, estimator.need(on: .score) == .gram {
        read(&stage)
        stage.addProducts(rows: m, 2 * products)
        hasCross = true
      }
      read(&stage)
      stage.addProducts(rows: m, products)
      if hasFisher {
        addSolve(of: estimator, order: d, to: &stage)
        if options.certifies {
          stage.doubleOperations += OperationCount.fisherCertificate(m: m, d: d)
          stage.memoryBytes += 8 * square(d)
        }
      } else if options.certifies {
        stage.addProducts(rows: m, products)
      }
      addTraffic(columns: n + d, to: &stage)
    }
    guard demand.choices.contains(where: { $0.side == .score }) else { return }
    if !hasCross {
      read(&stage)
      stage.addProducts(rows: m, products)
    }
    for (estimator, choice) in zip(demand.estimators, demand.choices) where choice.side == .score {
      if estimator.need(on: .score) == .gram { addSolve(of: estimator, order: n, to: &stage) }
      if options.certifies {
        stage.doubleOperations += OperationCount.kernelCertificate(m: m, n: n)
        stage.memoryBytes += 8 * square(n)
      }
      addTraffic(columns: n, to: &stage)
    }
  }

  private func addSolve(
    of estimator: any Estimator, order: Int, to stage: inout PlanStage
  ) {
    let steps = (estimator as? ConjugateGradient).map { OperationCount.steps(of: $0, n: n, d: d) }
    let operations = OperationCount.solve(
      by: estimator.name, m: m, order: order, steps: steps ?? 1)
    // DataInf keeps K in the precision of products; all others solve in double.
    if estimator.need(on: .query) == .norms {
      stage.addProducts(rows: m, operations)
      stage.memoryBytes += elementBytes * square(order)
    } else {
      stage.doubleOperations += operations
      stage.memoryBytes += 8 * square(order) * Double(steps ?? 1)
    }
  }

  /// Products become scores and coefficients in double precision: some six matrices m wide.
  private func addTraffic(columns: Int, to stage: inout PlanStage) {
    stage.memoryBytes += 6 * 8 * Double(m) * Double(columns)
  }
}
