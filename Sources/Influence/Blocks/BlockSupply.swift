import Gradients
import LinearAlgebra

/// Gives the fitted blocks of a curvature one at a time: all kept, or each fitted when it is asked for.
struct BlockSupply: Sendable {
  private enum Source: Sendable {
    case kept([FittedBlock])
    case fitted(@Sendable (Int, PassMonitor?) throws -> FittedBlock)
  }

  /// What each block holds, in the layout's order.
  let plans: [BlockPlan]
  private let source: Source

  /// Fits all blocks, or none yet where their matrices would not fit in memory together.
  ///
  /// - Throws: ``InfluenceError/tooLarge(block:method:order:bytes:budget:)`` where a single block does
  ///   not fit.
  init(
    fitting estimators: [any Estimator], _ contexts: [BlockContext], on training: GradientStore,
    options: CurvatureOptions, progress: ProgressHandler?
  ) throws {
    let plans = contexts.map { BlockPlan(of: $0, for: estimators, options: options) }
    try BlockPlan.check(plans, against: options.memoryBudget)
    self.plans = plans
    let fit: @Sendable (Int, PassMonitor?) throws -> FittedBlock = { index, monitor in
      switch options.precision {
      case .single:
        try FittedBlock(
          plans[index], training, options, monitor: monitor, precision: Float.self)
      case .double:
        try FittedBlock(
          plans[index], training, options, monitor: monitor, precision: Double.self)
      }
    }
    let memory = WorkingMemory.fitting(plans.map(\.demand), options: options)
    guard memory.keepsBlocks else {
      source = .fitted(fit)
      return
    }
    let schedule = BlockSchedule(
      widths: contexts.map(\.width), blocksAtATime: memory.blocksAtATime)
    let readers = plans.indices.filter { plans[$0].demand.gramPasses > 0 }
    let monitor = PassMonitor(
      stage: "fitting", of: training, blocks: readers, blocksAtATime: memory.blocksAtATime,
      expectedBytes: readers.reduce(0) {
        $0 + Double(plans[$1].demand.gramPasses * training.count)
          * Double(training.bytesPerRow(ofBlock: $1))
      },
      meter: options.meter, progress: progress)
    defer { monitor.finish() }
    source = .kept(
      try schedule.map(stage: "fitting", progress: nil) { try fit($0, monitor) })
  }

  /// Takes the blocks of a kept fit.
  init(_ blocks: [FittedBlock]) {
    plans = blocks.map(\.plan)
    source = .kept(blocks)
  }

  /// What the user should know of methods whose matrices do not fit.
  func warnings(for estimators: [any Estimator], budget: Int) -> [String] {
    Self.warnings(for: estimators, plans, budget: budget)
  }

  /// The same of plans that are not carried out yet.
  static func warnings(
    for estimators: [any Estimator], _ plans: [BlockPlan], budget: Int
  ) -> [String] {
    estimators.indices.compactMap { index in
      let count = plans.count { $0.choices[index].isByPasses }
      guard count > 0, let passes = estimators[index].withoutMatrices else { return nil }
      let settings = passes.settings.sorted { $0.key < $1.key }.map { "\($0)=\($1)" }
      return
        "\(estimators[index].name): the matrices of \(count) \(count == 1 ? "block" : "blocks") do not fit in \(budget) bytes; solved by \(passes.name) (\(settings.joined(separator: ", "))) instead"
    }
  }

  /// Whether all blocks are in memory.
  var keepsBlocks: Bool {
    if case .kept = source { true } else { false }
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
