internal import InfluenceKit
internal import OrderedCollections

/// What each method costs as examples, columns, blocks and LoRA's rank grow.
///
/// DataInf's table 1 and the times of its section 5. The gradients are drawn from the normal distribution:
/// what a method costs depends on their shape, and, of `cg` alone, on how many steps they take.
struct Cost: CostExperiment {
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

  let axes: [CostAxis] = [.examples, .columns, .blocks, .ranks]
  let variants: [CostVariant]
  let sizes: [CostAxis: [Int]]
  private let options: Options

  init(_ settings: Settings) throws {
    options = settings.values()
    variants = try Self.variants(options.methods, twoSided: options.twoSided, settings)
    sizes = try Self.sizes(along: axes, settings)
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

  /// n, d and L at a point.
  private func shape(_ point: CostPoint) -> (examples: Int, columns: Int, blocks: Int) {
    let fixed = options.fixed
    var shape = (examples: fixed.examples, columns: fixed.columns, blocks: fixed.blocks)
    switch point.axis {
    case .examples: shape.examples = point.size
    case .columns: shape.columns = point.size
    case .blocks, .layers: shape.blocks = point.size
    case .ranks: shape.columns = options.rankWidth * point.size
    }
    return shape
  }

  func compute(
    seed: UInt64, at point: CostPoint, _ context: CellContext
  ) throws -> CellResult<Self> {
    let (n, d, blocks) = shape(point)
    let training = Self.store("training", rows: n, columns: d, blocks: blocks, seed: seed &* 2)
    let queries = Self.store(
      "queries", rows: options.queries, columns: d, blocks: blocks, seed: seed &* 2 &+ 1)
    var (counted, costs) = try measured(training, queries, repeats: options.repeats, context)
    counted.columns = d
    return CellResult(counted, costs: costs)
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

  func check(_ results: ExperimentResults<Self>, in report: inout ExperimentReport) {
    // Times of small sizes on a shared machine show nothing that must hold.
    guard !results.isQuick, let largest = sizes[.columns]?.last else { return }
    func onQuerySide(_ method: String) -> CostVariant? {
      variants.first { $0.method == method && $0.side == .query }
    }
    func seconds(_ method: String) -> Double? {
      onQuerySide(method).flatMap {
        median(
          results, CostPoint(axis: .columns, size: largest), $0.name, \.processorSeconds)
      }
    }
    if let fast = seconds(DataInf.name), let slow = seconds(ExactFisher.name) {
      report.check(
        "DataInf takes less processor time than exact in the space of parameters at the largest d",
        fast < slow,
        detail: "table times")
    }
    if let variant = onQuerySide(DataInf.name) {
      let exponent =
        fit(results, .columns, variant.name, \.processorSeconds)?.exponent ?? .infinity
      report.check(
        "DataInf's time on the query side grows with d by a power below 1.4", exponent < 1.4,
        detail: "table exponents")
    }
  }
}
