public import ArgumentParser
import Foundation
public import InfluenceKit

/// Options of every command that fits a curvature.
struct FitOptions: ParsableArguments {
  @Option(
    "λ: a share of each block's mean eigenvalue, absolute:VALUE, or auto, which says why (score). (default: 0.1)",
    number: "value", name: "damping")
  var givenDamping: DampingArgument?

  @Option(
    "Where blocks are fitted: score is n × n, query d × d or passes. (default: automatic)",
    value: "side", name: "side")
  var givenSide: CostModel.Request?

  @Option(
    "What is one block: tensor, layer, all, or a JSON file {\"group\": [\"block\"]}. (default: tensor)",
    value: "grouping", name: "blocks")
  var givenBlocks: String?

  @Option("Precision of products of gradients. (default: single)", value: "type", name: "precision")
  var givenPrecision: CurvatureOptions.Precision?

  @Option("Threads; all cores by default.", number: "count") var threads: Int?

  @Option(
    "The most memory to work in, such as 8GB, and 1kB or more; a quarter of the machine by default.",
    value: "size")
  var memory: ByteCount?

  @Flag(help: "Compare every byte of the inputs with its checksum first.") var verify = false

  @Flag(name: .shortAndLong, help: "No progress bar, no notes; only results, warnings and errors.")
  var quiet = false

  func validate() throws {
    try ValidationError.require(atLeast: 1, ("--threads", threads))
    if let memory, memory.bytes < Self.leastMemory {
      throw ValidationError(
        "--memory \(memory.bytes): no run works in so few bytes; give 1kB or more, such as 500MB or 8GB"
      )
    }
  }

  /// The smallest memory budget, in bytes: less holds nothing of any run.
  private static let leastMemory = 1000

  /// The damping that was given, or the default; see ``requireFixedDamping()``.
  var damping: Damping {
    guard case .given(let damping) = givenDamping else { return .standard }
    return damping
  }

  /// Refuses a damping that is to be chosen where nothing chooses it.
  func requireFixedDamping() throws {
    guard case .automatic = givenDamping else { return }
    throw ValidationError(
      "--damping auto is chosen by influence score, from one training store and its queries, without --report: give a number here, such as the one that it prints"
    )
  }
  /// The side that was given, or the default.
  var side: CostModel.Request { givenSide ?? .automatic }
  /// The precision that was given, or the default.
  var precision: CurvatureOptions.Precision { givenPrecision ?? .single }

  /// How blocks are grouped: as was asked for, or as they are stored.
  func partition() throws -> BlockPartition { try givenBlocks.map { try .init($0) } ?? .tensor }

  /// Which bytes of inputs are compared with their checksums.
  var check: StoreCheck { verify ? .everything : .small }

  /// Opens a store, with its blocks grouped as was asked for.
  func store(at path: String) throws -> GradientStore {
    try Self.grouping(by: givenBlocks) {
      try GradientStore(opening: URL(filePath: path), check: check).partitioned(by: partition())
    }
  }

  /// Does what groups blocks; where a group does not fit the store, the error names the file of the groups.
  static func grouping<Result>(
    by blocks: String?, _ work: () throws -> Result
  ) throws -> Result {
    do {
      return try work()
    } catch GradientStoreError.unusablePartition(let store, let reason) where blocks != nil {
      throw Failure.data(
        Advice.withOptions("\(blocks ?? ""), as groups of \(store): \(reason)"))
    }
  }

  /// The options that decide results and are not at their defaults.
  var namesOfChanged: [String] {
    [
      ("--damping", givenDamping != nil && givenDamping != .given(.standard)),
      ("--side", side != .automatic),
      ("--precision", precision != .single), ("--blocks", givenBlocks != nil),
      ("--threads", threads != nil),
    ].filter(\.1).map(\.0)
  }

  /// The library's options.
  func curvatureOptions(
    certifies: Bool, expectedQueries: Int? = nil, combination: BlockCombination = .sum,
    forScoresAlone: Bool = false, meter: RunMeter? = nil
  ) throws -> CurvatureOptions {
    try requireFixedDamping()
    try damping.validate()
    var options = CurvatureOptions(
      damping: damping, costModel: CostModel(request: side, expectedQueries: expectedQueries),
      certifies: certifies, precision: precision, memoryBudget: memory?.bytes, meter: meter)
    options.combination = combination
    options.solvesInSingle = forScoresAlone
    return options
  }
}

/// A size as it is typed: `500MB`, `8GB`, `1GiB`, or a number of bytes.
struct ByteCount: ExpressibleByArgument {
  let bytes: Int

  init(bytes: Int) { self.bytes = bytes }

  init?(argument: String) {
    let units = [
      ("KiB", 0x1p10), ("MiB", 0x1p20), ("GiB", 0x1p30), ("TiB", 0x1p40),
      ("kB", 1e3), ("MB", 1e6), ("GB", 1e9), ("TB", 1e12), ("B", 1),
    ]
    let unit = units.first { argument.lowercased().hasSuffix($0.0.lowercased()) }
    let number = argument.dropLast(unit?.0.count ?? 0)
    guard let value = Double(number), case let bytes = value * (unit?.1 ?? 1), bytes >= 1,
      bytes < 0x1p62
    else { return nil }
    self.bytes = Int(bytes)
  }
}

/// What `--damping` takes.
enum DampingArgument: Equatable, ExpressibleByArgument {
  /// `0.1` or `absolute:1e-3`.
  case given(Damping)
  /// `auto`: what the training or a sweep says.
  case automatic

  init?(argument: String) {
    if argument == "auto" {
      self = .automatic
    } else if let damping = Damping(argument) {
      self = .given(damping)
    } else {
      return nil
    }
  }

  /// The damping as it would be typed.
  var description: String {
    switch self {
    case .given(let damping): damping.description
    case .automatic: "auto"
    }
  }
}

extension CostModel.Request: ExpressibleByArgument {}
extension CurvatureOptions.Precision: ExpressibleByArgument {}
extension ScoreConvention: ExpressibleByArgument {}
extension Aggregation: ExpressibleByArgument {}
extension ScoreAggregation: ExpressibleByArgument {}
extension BlockCombination: ExpressibleByArgument {}
extension ElementType: ExpressibleByArgument {}
extension StoreConversion.Target: ExpressibleByArgument {}
