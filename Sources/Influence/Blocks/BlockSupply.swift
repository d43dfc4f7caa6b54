import Gradients
import LinearAlgebra

/// Gives the fitted blocks of a curvature one at a time: it keeps them all, or fits each on demand.
struct BlockSupply: Sendable {
  private enum Source: Sendable {
    case kept([FittedBlock])
    case fitted(@Sendable (Int, PassMonitor?) throws -> FittedBlock)
  }

  /// What each block needs, in the layout's order.
  let needs: [BlockNeeds]
  private let source: Source

  /// Fits all blocks, or none yet where their matrices would not fit in memory together.
  ///
  /// - Throws: ``InfluenceError/tooLarge(block:method:order:bytes:budget:)`` where a single block does
  ///   not fit.
  init(
    fitting estimators: [any Estimator], _ contexts: [BlockContext], on training: GradientStore,
    options: CurvatureOptions, progress: ProgressHandler?
  ) throws {
    let needs = contexts.map { context in
      BlockNeeds(
        of: context.shape(in: training), isDead: context.isDead, for: estimators, options: options)
    }
    try BlockNeeds.check(needs, against: options.memoryBudget)
    self.needs = needs
    let fit: @Sendable (Int, PassMonitor?) throws -> FittedBlock = { index, monitor in
      try FittedBlock(needs[index], contexts[index], on: training, options, monitor: monitor)
    }
    guard WorkingMemory.fitting(needs, options: options).keepsBlocks else {
      source = .fitted(fit)
      return
    }
    let walk = BlockWalk(
      fitting: needs, isKept: needs.map { _ in false }, of: training, options: options,
      progress: progress)
    source = .kept(try walk.map { try fit($0, $1) })
  }

  /// Takes the blocks of a kept fit.
  init(_ blocks: [FittedBlock]) {
    needs = blocks.map(\.needs)
    source = .kept(blocks)
  }

  /// Whether all blocks are in memory.
  var keepsBlocks: Bool {
    if case .kept = source { true } else { false }
  }

  /// The kept blocks that were fitted again in double precision.
  var refittedBlocks: [String] {
    guard case .kept(let blocks) = source else { return [] }
    return blocks.filter(\.isRefitted).map(\.context.name)
  }

  /// One block, fitted.
  ///
  /// - Parameters:
  ///   - index: Where it stands in the layout.
  ///   - monitor: Stands beside the passes of a fit.
  func block(_ index: Int, monitor: PassMonitor?) throws -> FittedBlock {
    switch source {
    case .kept(let blocks): blocks[index]
    case .fitted(let fit): try fit(index, monitor)
    }
  }
}

extension BlockWalk {
  /// The walk of a fit over all blocks.
  ///
  /// Blocks that are kept already take part too: who shares a wave with whom decides threads, and a fit that
  /// was resumed is to be that which was not stopped.
  init(
    fitting blocks: [BlockNeeds], isKept: [Bool], of training: GradientStore,
    options: CurvatureOptions, progress: ProgressHandler?
  ) {
    let readers = blocks.indices.filter { !isKept[$0] && blocks[$0].fittingPasses > 0 }
    self.init(
      stage: "fitting", of: training, blocks: Array(blocks.indices),
      blocksAtATime: WorkingMemory.fitting(blocks, options: options).blocksAtATime,
      readBlocks: readers,
      expectedBytes: readers.reduce(0) {
        $0 + Double(blocks[$1].fittingPasses * training.count)
          * Double(training.bytesPerRow(ofBlock: $1))
      }, options: options, progress: progress)
  }
}

extension FittedBlock {
  /// Fits a block in the precision that options ask for.
  init(
    _ needs: BlockNeeds, _ context: BlockContext, on training: GradientStore,
    _ options: CurvatureOptions, monitor: PassMonitor?, keepsGrams: Bool = false
  ) throws {
    func pass<Element: Scalar>(_: Element.Type) -> GradientPass<Element> {
      GradientPass(
        store: training, block: context.index, monitor: monitor, reduction: options.reduction)
    }
    switch options.precision {
    case .single:
      try self.init(
        needs, context, certifies: options.certifies, keepsGrams: keepsGrams,
        pass: pass(Float.self))
    case .double:
      try self.init(
        needs, context, certifies: options.certifies, keepsGrams: keepsGrams,
        pass: pass(Double.self))
    }
  }
}
