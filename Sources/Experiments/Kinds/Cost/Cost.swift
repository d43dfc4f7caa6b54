internal import Evaluation
internal import Foundation
internal import Gradients
internal import Influence
internal import LinearAlgebra
public import OrderedCollections
internal import TensorFiles

/// What each method costs as examples, columns, blocks and LoRA's rank grow.
///
/// DataInf's table 1 and the times of its section 5. The gradients are drawn from the normal distribution:
/// what a method costs depends on their shape, and, of `cg` alone, on how many steps they take. Times and
/// memory are costs, which differ from run to run; the values are shapes and counted operations. Exponents are
/// of processor time, all cores together, which other programs disturb less than they do the clock.
public struct Cost: Experiment {
  /// `cost`.
  public static let kind = "cost"
  /// The question.
  public static let summary =
    "What does each method cost as examples, columns, blocks and rank grow"
  /// DataInf's table 1.
  public static let source = "DataInf (arXiv 2310.00902), table 1 and section 5."

  /// Methods, and the sizes along each axis.
  public static let settings = [
    Setting(
      "methods", .methods, standard: ["hessian-free", "lissa:depth=10", "cg:tolerance=1e-2"],
      help: "methods on the side that costs choose"),
    Setting(
      "two-sided", .methods, standard: ["datainf", "exact"],
      help: "methods on the score side, through the n × n kernel, and on the query side"),
    Setting("examples", .integers(2...Int.max), standard: [250, 500, 1000, 2000], help: "n"),
    Setting(
      "columns", .integers(1...Int.max), standard: [128, 256, 512, 1024], help: "d of each block"),
    Setting("blocks", .integers(1...Int.max), standard: [1, 2, 4, 8], help: "L"),
    Setting("ranks", .integers(1...Int.max), standard: [1, 2, 4, 8], help: "ranks r of LoRA"),
    Setting(
      "rank-width", .integer(.counting), standard: 256,
      help: "inputs, and outputs, of a layer with adapters: d = rank-width · r"),
    Setting("fixed.examples", .integer(2...Int.max), standard: 1000, help: "n of the other axes"),
    Setting("fixed.columns", .integer(.counting), standard: 512, help: "d of the other axes"),
    Setting("fixed.blocks", .integer(.counting), standard: 4, help: "L of the other axes"),
    Setting("queries", .integer(.counting), standard: 100, help: "m, all of them scored"),
    Setting("repeats", .integer(.counting), standard: 3, help: "measurements of each point"),
  ]

  /// What grows.
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

  let variants: [Variant]
  let sizes: [Axis: [Int]]
  private let settings: Settings

  /// Checks the sizes.
  public init(_ settings: Settings) throws {
    var variants = settings.texts("methods").map { Variant(method: $0, side: .automatic) }
    for method in settings.texts("two-sided") {
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
    self.settings = settings
  }

  /// None: the gradients are drawn.
  public var inputs: OrderedDictionary<String, String> { [:] }

  /// One cell a seed, axis and size.
  public func cells(seeds: [UInt64]) -> [ExperimentCell] {
    seeds.flatMap { seed in
      Axis.allCases.flatMap { axis in
        sizes[axis, default: []].map { size in
          ExperimentCell(Self.cell(seed, axis, size)) { context in
            try compute(seed: seed, axis, size, context)
          }
        }
      }
    }
  }

  static func cell(_ seed: UInt64, _ axis: Axis, _ size: Int) -> String {
    "seed-\(seed)/\(axis.rawValue)-\(size)"
  }

  /// n, d and L at a point.
  private func shape(_ axis: Axis, _ size: Int) -> (examples: Int, columns: Int, blocks: Int) {
    var shape = (
      examples: settings.integer("fixed.examples"), columns: settings.integer("fixed.columns"),
      blocks: settings.integer("fixed.blocks")
    )
    switch axis {
    case .examples: shape.examples = size
    case .columns: shape.columns = size
    case .blocks: shape.blocks = size
    case .ranks: shape.columns = settings.integer("rank-width") * size
    }
    return shape
  }

  private func compute(
    seed: UInt64, _ axis: Axis, _ size: Int, _ context: CellContext
  ) throws -> CellResult {
    let (n, d, blocks) = shape(axis, size)
    let m = settings.integer("queries")
    let training = Self.store("training", rows: n, columns: d, blocks: blocks, seed: seed &* 2)
    let queries = Self.store("queries", rows: m, columns: d, blocks: blocks, seed: seed &* 2 &+ 1)
    var operations: OrderedDictionary<String, OrderedJSON> = [:]
    var costs: OrderedDictionary<String, OrderedJSON> = [:]
    for (place, variant) in variants.enumerated() {
      context.progress(variant.name, Double(place) / Double(variants.count))
      let estimator = try EstimatorCatalog.estimator(variant.method)
      let options = CurvatureOptions(
        costModel: CostModel(request: variant.side, expectedQueries: m), certifies: false)
      let plan = RunPlan(
        RunShape(exampleCount: n, queryCount: m, layout: training.layout), estimators: [estimator],
        options: options)
      operations[variant.name] = .number(plan.operations)
      var (seconds, processor, memory) = ([Double](), [Double](), [Double]())
      // One more than is kept: the first also loads code and grows the heap.
      for repeat_ in 0...settings.integer("repeats") {
        let isReset = ProcessMemory.resetPeak()
        let before = ProcessMemory.peak
        let start = clock()
        let (_, cost) = try StageCost.measuring(variant.name) {
          try Curvature(fitting: [estimator], on: training, options: options).scores(of: queries)
        }
        let used = Double(clock() - start) / Double(CLOCKS_PER_SEC)
        guard repeat_ > 0 else { continue }
        processor.append(used)
        seconds.append(cost.seconds)
        if isReset, let before, let peak = cost.peakMemory {
          memory.append(Double(max(0, peak - before)))
        }
      }
      costs[variant.name] = [
        "seconds": .numbers(seconds), "processor_seconds": .numbers(processor),
        "memory": .numbers(memory),
        // Of as many blocks at a time as there are threads, so the machine's.
        "planned_bytes": .numbers([Double(plan.peakBytes)]),
      ]
    }
    return CellResult(
      values: [
        "n": .integer(n), "d": .integer(d), "L": .integer(blocks), "m": .integer(m),
        "operations": .object(operations),
      ], costs: .object(costs))
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
