import Gradients
import LinearAlgebra
import TensorFiles

/// What fitting some methods together and scoring one set of queries will cost, before it is done.
///
///     let plan = RunPlan(shape, estimators: [ExactFisher()], options: options)
///     print(plan.peakBytes, plan.fits, MachineCalibration.measure().time(of: plan).seconds)
///
/// Sides and Gram matrices are those that ``Curvature`` takes under the same options: both ask the
/// same code. Costs are leading terms; see `OperationCount`.
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
  public let stages: [RunStage]
  /// Bytes of the Gram matrices and factors of all blocks.
  public let gramBytes: Int
  /// Whether they all stay in memory; otherwise blocks are fitted when they are needed.
  public let keepsBlocks: Bool
  /// Bytes of the Gram matrices and factors that are in memory at a time.
  public let heldBytes: Int
  /// How many queries are scored together.
  public let queriesAtATime: Int
  /// How many training examples are scored together, one query after the other; nil where whole rows of scores are made.
  public let examplesAtATime: Int?
  /// Bytes of the examples' norms in every block where a store does not record them, and of the factors of certificates.
  public let normBytes: Int
  /// Bytes of the scores in memory: in double precision, for each method and each query of a set.
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
    let blocks = shape.layout.blocks.enumerated().map { index, block in
      BlockNeeds(
        of: BlockShape(
          block, exampleCount: n, curvature: shape.curvature, factors: shape.factors[index],
          queryFactors: shape.queryFactors[index]),
        isDead: shape.deadBlocks.contains(index), for: estimators, options: options)
    }
    gramBytes = BlockNeeds.total(blocks)
    keepsBlocks = WorkingMemory.fitting(blocks, options: options).keepsBlocks
    let memory = WorkingMemory(
      scoring: m, with: blocks, exampleCount: n, estimatorCount: estimators.count,
      keepsBlocks: keepsBlocks, recordsNorms: shape.recordsNorms, options: options)
    let batch = memory.queriesAtATime
    queriesAtATime = batch
    examplesAtATime = memory.examplesAtATime
    let sets = (full: Double(m / batch), rest: m % batch)
    let fits = keepsBlocks ? 1 : sets.full + (sets.rest > 0 ? 1 : 0)
    var norms = RunStage(.norms)
    var fit = RunStage(.fit)
    var score = RunStage(.score)
    for (index, block) in blocks.enumerated() {
      let bytes = Double(shape.storeBytes(ofBlock: index))
      // Other types are read, written as converted copies, and read again.
      let copied = 2 * elementBytes * Double(n) * Double(block.shape.width)
      let passBytes = bytes + (shape.isReadInPlace(index, options.precision) ? 0 : copied)
      func add(_ work: Work, to stage: inout RunStage, times: Double) {
        var once = RunStage(stage.name)
        once.add(work, storeBytes: bytes, passBytes: passBytes, elementBytes: elementBytes)
        stage.add(once, times: times)
      }
      if !shape.recordsNorms {
        var work = Work()
        work.addPass(
          block.shape, operations: OperationCount.norms(n: n, d: block.shape.width), rows: 1)
        add(work, to: &norms, times: 1)
      }
      add(block.fittingWork(), to: &fit, times: fits)
      let normalizing = block.normalizingWork(certifies: options.certifies)
      add(normalizing, to: &score, times: 1)
      if !keepsBlocks, normalizing.passes > 0 { add(block.fittingWork(), to: &fit, times: 1) }
      for (queries, times) in [(batch, sets.full), (sets.rest, 1)] where queries > 0 {
        add(
          block.scoringWork(
            queries: queries, certifies: options.certifies, precision: options.precision,
            isInParts: examplesAtATime != nil),
          to: &score,
          times: times)
      }
    }
    choices = estimators.indices.map { estimator in
      blocks.map { $0.isDead ? nil : $0.choices[estimator] }
    }
    stages = [norms, fit, score].filter { $0.memoryBytes > 0 }
    heldBytes =
      keepsBlocks
      ? gramBytes
      : WorkingMemory.largest(blocks.map(\.peakBytes), count: memory.blocksAtATime)
    starts =
      memory.starts && blocks.allSatisfy { $0.bytes == 0 || $0.peakBytes <= options.memoryBudget }
    normBytes = WorkingMemory.normBytes(
      of: n, in: blocks.count, recordsNorms: shape.recordsNorms,
      certifies: options.certifies && memory.examplesAtATime == nil)
    if let examplesAtATime = memory.examplesAtATime {
      scoreBytes = 8 * examplesAtATime
      bufferBytes = (WorkingMemory.bytesPerPart - 8) * examplesAtATime
    } else {
      scoreBytes = Self.clamped(8 * Double(batch) * Double(n) * Double(estimators.count))
      bufferBytes = max(
        memory.queryBytes - scoreBytes,
        Self.buffers(
          shape, blocks, estimators.count, elementBytes, batch, memory.blocksAtATime))
    }
  }

  /// Bytes that are resident at the peak, beside pages of mapped files, which the system takes back.
  public var peakBytes: Int {
    [heldBytes, normBytes, scoreBytes, bufferBytes].reduce(0) { BlockNeeds.sum($0, $1) }
  }

  /// Whether a run is let start: the Gram matrices and factors of any one block stay within the
  /// budget, and what it makes for one query within 64 MiB more.
  public let starts: Bool

  /// Whether the peak stays within the budget.
  public var fits: Bool { starts && peakBytes <= options.memoryBudget }

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
    _ shape: RunShape, _ blocks: [BlockNeeds], _ methodCount: Int, _ elementBytes: Double,
    _ queryCount: Int, _ atATime: Int
  ) -> Int {
    let n = Double(shape.exampleCount)
    let m = Double(queryCount)
    let scores = Double(atATime) * m * n * 8 * Double(methodCount)
    let working = blocks.enumerated().filter { !$0.element.isDead }.map { index, block -> Double in
      let d = Double(block.shape.width)
      let gram = max(block.needsKernel ? n : 0, block.needsFisher ? d : 0)
      let isConverted = Double(shape.elementTypes[index].byteCount) != elementBytes
      // Panels of all rows, or a few megabytes.
      let panel = block.needsKernel ? max(64 * 0x1p20, 256 * n * elementBytes) : 8 * 0x1p20
      let chunk = isConverted ? panel : 0
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
