internal import Foundation
internal import InfluenceKit
internal import OrderedCollections

/// What each method costs as examples, columns, blocks and LoRA's rank grow.
///
/// DataInf's table 1 and the times of its section 5. The gradients are drawn from the normal distribution:
/// what a method costs depends on their shape, and, of `cg` alone, on how many steps they take. Times and
/// memory are costs, which differ from run to run; the values are shapes and counted operations. Exponents are
/// of processor time, all cores together, which other programs disturb less than they do the clock.
struct Cost: Experiment {
  static let kind = "cost"
  static let summary =
    "What does each method cost as examples, columns, blocks and rank grow"
  static let source = "DataInf (arXiv 2310.00902), table 1 and section 5."

  static let settings = [
    Setting.methods(
      "methods",
      [HessianFree.name, "\(LiSSA.name):depth=10", "\(ConjugateGradient.name):tolerance=1e-2"],
      help: "methods on the side that costs choose"),
    Setting.methods(
      "two-sided", [DataInf.name, ExactFisher.name],
      help: "methods on the score side, through the n × n kernel, and on the query side"),
    Setting(
      "examples", .integers(2...Setting.mostCounted), standard: [250, 500, 1000, 2000], help: "n"),
    Setting(
      "columns", .integers(1...Setting.mostCounted), standard: [128, 256, 512, 1024],
      help: "d of each block"),
    Setting("blocks", .integers(1...Setting.mostCounted), standard: [1, 2, 4, 8], help: "L"),
    Setting(
      "ranks", .integers(1...Setting.mostCounted), standard: [1, 2, 4, 8], help: "ranks r of LoRA"),
    Setting.count(
      "rank-width", 256, help: "inputs, and outputs, of a layer with adapters: d = rank-width · r"),
    Setting(
      "fixed.examples", .integer(2...Setting.mostCounted), standard: 1000,
      help: "n of the other axes"),
    Setting.count("fixed.columns", 512, help: "d of the other axes"),
    Setting.count("fixed.blocks", 4, help: "L of the other axes"),
    Setting.count("queries", 100, help: "m, all of them scored"),
    Setting.count("repeats", 3, help: "measurements of each point"),
  ]

  enum Axis: String, CaseIterable {
    case examples, columns, blocks, ranks

    var symbol: String {
      switch self {
      case .examples: "n"
      case .columns: "d"
      case .blocks: "L"
      case .ranks: "r"
      }
    }
  }

  /// A method on a side.
  struct Variant {
    let method: String
    let side: CostModel.Request
    var name: String { side == .automatic ? method : "\(method), \(side.rawValue) side" }
  }

  struct Options: Decodable {
    let methods: [String]
    let twoSided: [String]
    let rankWidth: Int
    let fixed: Fixed
    let queries: Int
    let repeats: Int

    struct Fixed: Decodable {
      let examples: Int
      let columns: Int
      let blocks: Int
    }
  }

  struct Result: Codable, Sendable {
    /// n.
    var examples: Int
    /// d of each block.
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

  /// What is measured at one size, by method and side.
  typealias Costs = OrderedDictionary<String, Measured>

  /// The measurements of one method on one side, one for each repeat.
  struct Measured: Codable, Sendable {
    var seconds: [Double] = []
    var processorSeconds: [Double] = []
    /// How far the memory of the process grew, in bytes; empty where the system does not tell.
    var memory: [Double] = []
    /// The memory that the plan of the run allows for, in bytes: one number.
    var plannedBytes: [Double]
  }

  let variants: [Variant]
  let sizes: [Axis: [Int]]
  private let options: Options

  init(_ settings: Settings) throws {
    options = settings.values()
    var variants = options.methods.map { Variant(method: $0, side: .automatic) }
    for method in options.twoSided {
      let estimator = try EstimatorCatalog.estimator(method)
      guard estimator.works(on: .score), estimator.works(on: .query) else {
        throw settings.invalid("two-sided", "\(method) works on one side alone; move it to methods")
      }
      variants += [.score, .query].map { Variant(method: method, side: $0) }
    }
    self.variants = variants
    var sizes: [Axis: [Int]] = [:]
    for axis in Axis.allCases {
      sizes[axis] = Set(settings.integers(axis.rawValue)).sorted()
      guard sizes[axis, default: []].count > 1 else {
        throw settings.invalid(axis.rawValue, "a course needs two different sizes or more")
      }
    }
    self.sizes = sizes
    let rows = max(options.fixed.examples, options.queries)
    for point in points {
      let (examples, columns, blocks) = shape(point)
      // The gradients of both stores, and a record of each block.
      guard MachineMemory.holds(max(examples, rows), columns, blocks, 8),
        MachineMemory.holds(blocks, 1 << 10)
      else {
        throw settings.invalid(
          point.axis.rawValue,
          "\(examples) examples of \(columns) columns in \(blocks) blocks do not fit into memory")
      }
    }
  }

  var inputs: OrderedDictionary<String, String> { [:] }

  struct Point: Hashable {
    let axis: Axis
    let size: Int
  }

  var points: [Point] {
    Axis.allCases.flatMap { axis in
      sizes[axis, default: []].map { Point(axis: axis, size: $0) }
    }
  }

  func name(of point: Point) -> String? { "\(point.axis.rawValue)-\(point.size)" }

  /// n, d and L at a point.
  private func shape(_ point: Point) -> (examples: Int, columns: Int, blocks: Int) {
    let fixed = options.fixed
    var shape = (examples: fixed.examples, columns: fixed.columns, blocks: fixed.blocks)
    switch point.axis {
    case .examples: shape.examples = point.size
    case .columns: shape.columns = point.size
    case .blocks: shape.blocks = point.size
    case .ranks: shape.columns = options.rankWidth * point.size
    }
    return shape
  }

  func compute(
    seed: UInt64, at point: Point, _ context: CellContext
  ) throws -> CellResult<Self> {
    let (n, d, blocks) = shape(point)
    let m = options.queries
    let training = Self.store("training", rows: n, columns: d, blocks: blocks, seed: seed &* 2)
    let queries = Self.store("queries", rows: m, columns: d, blocks: blocks, seed: seed &* 2 &+ 1)
    var result = Result(examples: n, columns: d, blocks: blocks, queries: m)
    var costs: Costs = [:]
    for (place, variant) in variants.enumerated() {
      context.progress(variant.name, Double(place) / Double(variants.count))
      let estimator = try EstimatorCatalog.estimator(variant.method)
      let options = CurvatureOptions(
        costModel: CostModel(request: variant.side, expectedQueries: m), certifies: false)
      let plan = RunPlan(
        RunShape(exampleCount: n, queryCount: m, layout: training.layout), estimators: [estimator],
        options: options)
      result.operations[variant.name] = plan.operations
      // Of as many blocks at a time as there are threads, so the machine's.
      var measured = Measured(plannedBytes: [Double(plan.peakBytes)])
      // One more than is kept: the first also loads code and grows the heap.
      for repeat_ in 0...self.options.repeats {
        let isReset = ProcessMemory.resetPeak()
        let before = ProcessMemory.peak
        let start = clock()
        let (_, cost) = try StageCost.measuring(variant.name) {
          try Curvature(fitting: [estimator], on: training, options: options).scores(of: queries)
        }
        let used = Double(clock() - start) / Double(CLOCKS_PER_SEC)
        guard repeat_ > 0 else { continue }
        measured.processorSeconds.append(used)
        measured.seconds.append(cost.seconds)
        if isReset, let before, let peak = cost.peakMemory {
          measured.memory.append(Double(max(0, peak - before)))
        }
      }
      costs[variant.name] = measured
    }
    return CellResult(result, costs: costs)
  }

  private static func store(
    _ name: String, rows: Int, columns: Int, blocks: Int, seed: UInt64
  ) -> GradientStore {
    GradientStore(
      name: name,
      blocks: (0..<blocks).map { block in
        var generator = SeededGenerator(seed: seed, stream: 1 << 53 + UInt64(block))
        return ("block\(block)", [columns], Matrix<Float>.normal(rows, columns, using: &generator))
      })
  }
}
