import Gradients
import LinearAlgebra
import TensorFiles

/// What fitting some methods together and scoring one set of queries will cost, before it is done.
///
///     let plan = RunPlan(shape, estimators: [ExactFisher()], options: options)
///     print(plan.peakBytes, plan.fits, MachineCalibration.measure().time(of: plan).seconds)
///
/// Sides and Gram matrices are those that ``Curvature`` takes under the same options: both ask the
/// same code. Costs are leading terms; see ``OperationCount``.
public struct RunPlan: Sendable {
  /// The shape of the run.
  public let shape: RunShape
  /// The methods that are fitted together.
  public let methods: [String]
  /// The options that were asked about.
  public let options: CurvatureOptions
  /// The side of each block for each method; nil for blocks known to be dead.
  public let choices: [[CostModel.Choice?]]
  /// What is read and computed, stage by stage; stages with nothing to do are left out.
  public let stages: [PlanStage]
  /// Bytes of the Gram matrices and factors of all blocks, which stay in memory.
  public let gramBytes: Int
  /// Bytes of the scores: m × n in double precision for each method.
  public let scoreBytes: Int
  /// Bytes of copies and intermediate results of the blocks that are worked on at a time.
  public let bufferBytes: Int

  /// Plans a run.
  ///
  /// - Parameters:
  ///   - shape: Examples, queries, blocks.
  ///   - estimators: The methods, fitted together as by ``Curvature``.
  ///   - options: Sides, certificate, precision and memory; the damping does not matter.
  /// - Complexity: O(blocks); nothing is read.
  public init(_ shape: RunShape, estimators: [any Estimator], options: CurvatureOptions) {
    self.shape = shape
    self.options = options
    methods = estimators.map(\.name)
    let n = shape.exampleCount
    let m = shape.queryCount
    let elementBytes = options.precision == .single ? 4.0 : 8.0
    var norms = PlanStage(.norms)
    var fit = PlanStage(.fit)
    var score = PlanStage(.score)
    var demands: [BlockDemand] = []
    for (index, block) in shape.layout.blocks.enumerated() {
      let demand = BlockDemand(
        of: block, exampleCount: n, isDead: shape.deadBlocks.contains(index), for: estimators,
        options: options)
      demands.append(demand)
      let bytes = Double(shape.storeBytes(ofBlock: index))
      // Other types are read, written as converted copies, and read again.
      let copied = 2 * elementBytes * Double(n) * Double(block.width)
      let stages = BlockStages(
        demand: demand, estimators: estimators, options: options, n: n, m: m, d: block.width,
        storeBytes: bytes,
        passBytes: bytes + (shape.isReadInPlace(index, options.precision) ? 0 : copied))
      if !shape.recordsNorms { stages.addNorms(to: &norms) }
      guard !shape.deadBlocks.contains(index) else { continue }
      stages.addFit(to: &fit)
      stages.addScore(to: &score)
    }
    choices = estimators.indices.map { estimator in
      demands.enumerated().map { index, demand in
        shape.deadBlocks.contains(index) ? nil : demand.choices[estimator]
      }
    }
    stages = [norms, fit, score].filter { $0.memoryBytes > 0 }
    gramBytes = BlockDemand.total(demands)
    scoreBytes = Self.clamped(8 * Double(m) * Double(n) * Double(estimators.count))
    bufferBytes = Self.buffers(shape, demands, estimators.count, elementBytes)
  }

  /// Bytes that are resident at the peak, beside pages of mapped files, which the system takes back.
  public var peakBytes: Int {
    BlockDemand.sum(gramBytes, BlockDemand.sum(scoreBytes, bufferBytes))
  }

  /// Whether a fit is let run: the Gram matrices and factors stay within the budget.
  public var fits: Bool { gramBytes <= options.memoryBudget }

  /// Bytes of the store that are read in all passes.
  public var bytesRead: Double { stages.reduce(0) { $0 + $1.storeBytes } }

  /// How many times the gradients are read; not whole where blocks differ.
  public var passes: Double {
    shape.storeBytes > 0 ? bytesRead / Double(shape.storeBytes) : 0
  }

  /// All operations.
  public var operations: Double { stages.reduce(0) { $0 + $1.operations } }

  /// The same run with every block on one side.
  public func alternative(
    on request: CostModel.Request, estimators: [any Estimator]
  ) -> RunPlan {
    var options = options
    options.costModel.request = request
    return RunPlan(shape, estimators: estimators, options: options)
  }

  /// Scores in flight of a wave of blocks, and on each thread a sum of panels, preconditioned queries
  /// and a chunk of converted gradients.
  private static func buffers(
    _ shape: RunShape, _ demands: [BlockDemand], _ methodCount: Int, _ elementBytes: Double
  ) -> Int {
    let n = Double(shape.exampleCount)
    let m = Double(shape.queryCount)
    let live = shape.layout.blocks.indices.filter { !shape.deadBlocks.contains($0) }
    let atATime = BlockSchedule.blocksAtATime(of: live.count)
    let scores = Double(atATime) * m * n * 8 * Double(methodCount)
    let working = live.map { index -> Double in
      let d = Double(shape.layout.blocks[index].width)
      let gram = max(demands[index].needsKernel ? n : 0, demands[index].needsFisher ? d : 0)
      let isConverted = Double(shape.elementTypes[index].byteCount) != elementBytes
      let chunk = isConverted ? max(64 * 0x1p20, 256 * n * elementBytes) : 0
      return max(8 * gram * gram, 3 * m * n * 8 + 3 * m * d * elementBytes) + chunk
    }
    let threads = min(Parallelism.threads, atATime)
    return clamped(scores + working.sorted(by: >).prefix(threads).reduce(0, +))
  }

  private static func clamped(_ bytes: Double) -> Int { Int(min(0x1p61, bytes)) }
}

extension RunShape {
  /// Whether products run on the stored numbers themselves.
  func isReadInPlace(_ block: Int, _ precision: CurvatureOptions.Precision) -> Bool {
    isContiguous && elementTypes[block] == (precision == .single ? .float32 : .float64)
  }
}
