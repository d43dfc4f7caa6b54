internal import Foundation
internal import InfluenceKit
internal import LinearAlgebra
internal import OrderedCollections

/// An experiment that measures what methods cost while one size after the other grows.
///
/// Times and memory are costs, which differ from run to run; the values are shapes and counted operations. Exponents are
/// of processor time, all cores together, which other programs disturb less than they do the clock.
protocol CostExperiment: Experiment
where Point == CostPoint, Result == CountedCost, Costs == OrderedDictionary<String, MeasuredCost> {
  /// What grows, in the order of the tables.
  var axes: [CostAxis] { get }
  /// The sizes along each axis: two at least, ascending.
  var sizes: [CostAxis: [Int]] { get }
  /// Methods, on the sides on which they are measured.
  var variants: [CostVariant] { get }
  /// What is measured beside methods, by its name among the costs.
  var stages: [String] { get }
  /// What must hold of the measurements.
  func check(_ results: ExperimentResults<Self>, in report: inout ExperimentReport)
}

/// What grows from one measurement to the next.
enum CostAxis: String {
  case examples, columns, blocks, layers, ranks

  var symbol: String {
    switch self {
    case .examples: "n"
    case .columns: "d"
    case .blocks: "L"
    case .layers: "layers"
    case .ranks: "r"
    }
  }
}

struct CostPoint: Hashable {
  let axis: CostAxis
  let size: Int
}

/// A method on a side.
struct CostVariant {
  let method: String
  let side: CostModel.Request
  var name: String { side == .automatic ? method : "\(method), \(side.rawValue) side" }
}

/// The shape of the gradients at a point, and what a plan counts of it.
struct CountedCost: Codable, Sendable {
  /// n.
  var examples: Int
  /// d of each block; of a model's blocks, whose widths differ, of all together.
  var columns: Int
  /// L.
  var blocks: Int
  /// m.
  var queries: Int
  /// The operations that the plan of the run counts, by method and side.
  var operations: OrderedDictionary<String, Double> = [:]

  enum CodingKeys: String, CodingKey {
    case examples = "n"
    case columns = "d"
    case blocks = "L"
    case queries = "m"
    case operations
  }
}

/// The measurements of one method on one side, or of a stage, one for each repeat.
struct MeasuredCost: Codable, Sendable {
  var seconds: [Double] = []
  var processorSeconds: [Double] = []
  /// How far the memory of the process grew, in bytes; empty where the system does not tell.
  var memory: [Double] = []
  /// The memory that the plan of the run allows for, in bytes: one number, or none where nothing plans.
  var plannedBytes: [Double] = []

  /// Does some work again and again and measures it.
  ///
  /// - Parameters:
  ///   - repeats: How often; once more is not kept, as it also loads code.
  ///   - work: What is done.
  static func measuring(repeats: Int, _ work: () throws -> Void) rethrows -> MeasuredCost {
    var measured = MeasuredCost()
    for `repeat` in 0...repeats {
      // What was freed before would be taken again, and not be seen.
      FreedMemory.giveBack()
      let isReset = ProcessMemory.resetPeak()
      let before = ProcessMemory.peak
      let start = clock()
      let (_, cost) = try StageCost.measuring("work", work)
      let used = Double(clock() - start) / Double(CLOCKS_PER_SEC)
      guard `repeat` > 0 else { continue }
      measured.processorSeconds.append(used)
      measured.seconds.append(cost.seconds)
      if isReset, let before, let peak = cost.peakMemory {
        measured.memory.append(Double(max(0, peak - before)))
      }
    }
    return measured
  }
}

extension CostExperiment {
  var stages: [String] { [] }

  var points: [CostPoint] {
    axes.flatMap { axis in
      sizes[axis, default: []].map { CostPoint(axis: axis, size: $0) }
    }
  }

  func name(of point: CostPoint) -> String? { "\(point.axis.rawValue)-\(point.size)" }

  /// Methods on the side that costs choose, and others on both.
  ///
  /// - Throws: ``ExperimentError`` for a method on both sides that works on one alone.
  static func variants(
    _ methods: [String], twoSided: [String], _ settings: Settings
  ) throws -> [CostVariant] {
    var variants = methods.map { CostVariant(method: $0, side: .automatic) }
    for method in twoSided {
      let estimator = try EstimatorCatalog.estimator(method)
      guard estimator.works(on: .score), estimator.works(on: .query) else {
        throw settings.invalid("two-sided", "\(method) works on one side alone; move it to methods")
      }
      variants += [.score, .query].map { CostVariant(method: method, side: $0) }
    }
    return variants
  }

  /// The sizes along each axis, as a file gives them.
  ///
  /// - Throws: ``ExperimentError`` where an axis has fewer than two.
  static func sizes(
    along axes: [CostAxis], _ settings: Settings
  ) throws -> [CostAxis: [Int]] {
    var sizes: [CostAxis: [Int]] = [:]
    for axis in axes {
      sizes[axis] = Set(settings.integers(axis.rawValue)).sorted()
      guard sizes[axis, default: []].count > 1 else {
        throw settings.invalid(axis.rawValue, "a course needs two different sizes or more")
      }
    }
    return sizes
  }

  /// Fits and scores by every variant, each by itself.
  ///
  /// - Parameters:
  ///   - training: n rows of gradients.
  ///   - queries: m rows.
  ///   - repeats: How often each is measured.
  ///   - context: Where progress goes.
  func measured(
    _ training: GradientStore, _ queries: GradientStore, repeats: Int, _ context: CellContext
  ) throws -> (counted: CountedCost, costs: Costs) {
    let layout = training.layout
    let shape = RunShape(
      exampleCount: training.count, queryCount: queries.count, layout: layout)
    var counted = CountedCost(
      examples: training.count, columns: layout.columnCount,
      blocks: layout.blocks.count, queries: queries.count)
    var costs: Costs = [:]
    for (place, variant) in variants.enumerated() {
      context.progress(variant.name, Double(place) / Double(variants.count))
      let estimator = try EstimatorCatalog.estimator(variant.method)
      let options = CurvatureOptions(
        costModel: CostModel(request: variant.side, expectedQueries: queries.count),
        certifies: false)
      let plan = RunPlan(shape, estimators: [estimator], options: options)
      counted.operations[variant.name] = plan.operations
      var cost = try MeasuredCost.measuring(repeats: repeats) {
        _ = try Curvature(fitting: [estimator], on: training, options: options).scores(of: queries)
      }
      // Of as many blocks at a time as there are threads, so the machine's.
      cost.plannedBytes = [Double(plan.peakBytes)]
      costs[variant.name] = cost
    }
    return (counted, costs)
  }
}
