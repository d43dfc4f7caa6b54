import ArgumentParser
import Foundation
import InfluenceKit
import Reporting

/// `influence outliers`: examples whose gradients lie apart from the others'.
struct OutliersCommand: ThreadedCommand {
  static let configuration = CommandConfiguration(
    commandName: "outliers",
    abstract: "Training examples whose gradients are outliers.",
    discussion: """
      Mislabelled and other harmful examples are few, and their gradients tend to lie apart. This needs no \
      query and no curvature. Writes n float32 values, large for outliers, and a .json beside them. The \
      paper (arXiv 2405.03869) looks at the last layer and removes the top few per cent.

      EXAMPLES
        influence outliers --train grads/train --output outliers.npy
        influence outliers --train grads/train --last-layer \\
            --measure isolation-forest --flipped flipped.json --output o.npy
        influence outliers --train grads/train --measure l2 \\
            --blocks-matching lora_B --top 20 --output o.npy

      \(ExampleTextOptions.discussion)

      MEASURES
        isolation-forest   how few random splits part it from the others:
                           ½ is nothing special, towards 1 is an outlier
        l1, l2             the gradient's norm: sum of magnitudes, or length
      """)

  /// The measures by name.
  enum Measure: String, ExpressibleByArgument, CaseIterable {
    case isolationForest = "isolation-forest"
    case l1, l2
  }

  @Option("The training gradients.", value: "path") var train: String
  @Option("What is measured.", value: "name") var measure: Measure = .isolationForest
  @Option(
    parsing: .unconditional, help: "Isolation forest: the number of trees. (default: 100)")
  var trees: Int?
  @Option(
    parsing: .unconditional,
    help: "Isolation forest: how many examples a tree is grown on. (default: 256)")
  var sample: Int?
  @Option(help: "Isolation forest: decides samples and splits. (default: 0)") var seed: UInt64?
  @Option(
    help: ArgumentHelp(
      "Look only at blocks whose name contains this; may be given again.", valueName: "text"))
  var blocksMatching: [String] = []
  @Flag(help: "Look only at the blocks of the last block's layer.") var lastLayer = false
  @Option("How many of the largest values are printed.", number: "count") var top = 5
  @Option(
    "A JSON file of the rows known to be mislabelled: how well they are found.", value: "path")
  var flipped: String?
  @OptionGroup var texts: LabelledTextOptions
  @Option("Where the values go: a .npy file.", value: "path") var output: String
  @Option("Threads; all cores by default.", number: "count") var threads: Int?
  @Option(
    "The most memory to work in, such as 8GB; a quarter of the machine by default.", value: "size")
  var memory: ByteCount?
  @Flag(help: "Print JSON.") var json = false
  @Flag(help: "Compare every byte of the store with its checksum first.") var verify = false
  @Flag(name: .shortAndLong, help: "No progress bar, no notes; only warnings and errors.")
  var quiet = false

  func threadCount() -> Int? { threads }

  func validate() throws {
    try ValidationError.require(atLeast: 1, ("--threads", threads))
    try ValidationError.require(atLeast: 0, ("--top", top))
    try ValidationError.require(atLeast: 1, ("--trees", trees))
    try ValidationError.require(atLeast: 2, ("--sample", sample))
    if measure != .isolationForest {
      for (name, isGiven) in [
        ("--trees", trees != nil), ("--sample", sample != nil), ("--seed", seed != nil),
      ] where isGiven {
        throw ValidationError("\(name) is for --measure isolation-forest; leave it out")
      }
    }
    if lastLayer, !blocksMatching.isEmpty {
      throw ValidationError("--last-layer and --blocks-matching both choose blocks; give one")
    }
  }

  /// How well known rows are found.
  private struct Found {
    let auc: Double
    let recalls: [(share: Double, recall: Double)]
  }

  func run() throws {
    let destination = try OutputPath(output, inputs: [train])
    let store = try GradientStore(
      opening: URL(filePath: train), check: verify ? .everything : .small)
    let given = try texts.texts(count: store.count)
    let blocks = try chosenBlocks(of: store)
    try ExampleMemory.outliers.requireRoom(
      on: store, options: CurvatureOptions(memoryBudget: memory?.bytes))
    let positives = try flipped.map {
      try FlippedRows.rows(at: URL(filePath: $0), count: store.count)
    }
    let start = ContinuousClock.now
    let values = try ProgressBar.during(quiet: quiet) {
      try store.outlierScores(by: measureSettings, blocks: blocks, progress: $0)
    }
    let seconds = (ContinuousClock.now - start) / .seconds(1)
    let warnings = try warnings(of: store, blocks, values)
    Console.warn(warnings)
    let found = try positives.map { rows in
      Found(
        auc: try Detection.areaUnderROC(scores: values, positives: rows),
        recalls: try [0.05, 0.1, 0.2].map {
          ($0, try Detection.recall(atFraction: $0, scores: values, positives: rows))
        })
    }
    let largest = try Ranking.topIndices(min(top, values.count), of: values)
    let record = try record(store, blocks, values, largest, found, seconds, warnings)
    try destination.write(vector: values, record: record)
    if json { return try Console.print(record) }
    guard !quiet else { return }
    try printSummary(store, blocks, values, largest, found, positives, given, seconds)
  }

  private var measureSettings: OutlierMeasure {
    switch measure {
    case .l1: .l1
    case .l2: .l2
    case .isolationForest:
      .isolationForest(
        IsolationForestSettings(trees: trees ?? 100, sample: sample ?? 256, seed: seed ?? 0))
    }
  }

  private func chosenBlocks(of store: GradientStore) throws -> [Int] {
    let names = store.layout.blocks.map(\.name)
    if lastLayer { return BlockPartition.lastLayer(of: store.layout) }
    guard !blocksMatching.isEmpty else { return Array(names.indices) }
    for text in blocksMatching where !names.contains(where: { $0.contains(text) }) {
      let shown = names.prefix(8).joined(separator: ", ")
      throw Failure.usage(
        "--blocks-matching \(text): no block of \(train) has this in its name; the blocks are \(shown)\(names.count > 8 ? ", …" : "")"
      )
    }
    return names.indices.filter { index in
      blocksMatching.contains { names[index].contains($0) }
    }
  }

  /// Rows about which the values say nothing.
  private func warnings(
    of store: GradientStore, _ blocks: [Int], _ values: [Double]
  ) throws -> [String] {
    var warnings: [String] = []
    let zeros = try store.squaredNorms().zeroRows(inBlocks: blocks)
    if !zeros.isEmpty {
      let shown = zeros.prefix(10).map(String.init).joined(separator: ", ")
      warnings.append(
        "\(zeros.count == 1 ? "1 row has" : "\(zeros.count) rows have") a zero gradient in these blocks, so that their place among the others means nothing (rows \(shown)\(zeros.count > 10 ? ", …" : ""))"
      )
    }
    if values.count > 1, let first = values.first, values.allSatisfy({ $0 == first }) {
      warnings.append("all values are \(first), so that their order means nothing")
    }
    return warnings
  }

  private func record(
    _ store: GradientStore, _ blocks: [Int], _ values: [Double], _ largest: [Int],
    _ found: Found?, _ seconds: Double, _ warnings: [String]
  ) throws -> OrderedJSON {
    var settings: OrderedJSON = .null
    if case .isolationForest(let forest) = measureSettings {
      settings = [
        "trees": .integer(forest.trees),
        "sample": .integer(min(forest.sample, store.count)),
        "seed": .string("\(forest.seed)"),
      ]
    }
    return [
      "format": "influencekit-outliers",
      "version": 1,
      "measure": .string(measureSettings.name),
      "settings": settings,
      "positive_means": "large values are outliers",
      "rows": .integer(values.count),
      "blocks": .list(blocks.map { store.layout.blocks[$0].name }),
      "top": .array(
        largest.map { ["row": .integer($0), "value": .number(values[$0])] }),
      "flipped": found.map { found in
        [
          "path": .text(flipped),
          "auc": .number(found.auc),
          "recall": .array(
            found.recalls.map { ["share": .number($0.share), "recall": .number($0.recall)] }),
        ]
      } ?? .null,
      "train": try store.record(),
      "seconds": .number(seconds),
      "warnings": .list(warnings),
      "versions": RunRecord.versions,
      "command": RunRecord.commandLine,
    ]
  }

  private func printSummary(
    _ store: GradientStore, _ blocks: [Int], _ values: [Double], _ largest: [Int],
    _ found: Found?, _ positives: Set<Int>?, _ given: ExampleTexts?, _ seconds: Double
  ) throws {
    let width = blocks.reduce(0) { $0 + store.layout.blocks[$1].width }
    Console.print(
      "\(output): \(values.count) values by \(measureSettings.name) on \(width) columns in \(blocks.count) of \(store.layout.count) blocks, in \(NumberFormat.seconds(seconds))"
    )
    if !largest.isEmpty {
      let fields: [TableField<EnumeratedSequence<[Int]>.Element>?] = [
        .text("rank") { "\($0.offset + 1)" },
        .text("row") { "\($0.element)" },
        .number("value", .significant(digits: 4)) { values[$0.element] },
        positives.map { rows in
          .text("flipped") { rows.contains($0.element) ? "yes" : "no" }
        },
      ]
      let table = try ShownExamples(Set(largest), of: store, given: given).table(
        of: Array(largest.enumerated()), example: \.element, fields.compactMap(\.self))
      Console.print("")
      Console.print(table)
    }
    if let found, let positives {
      let recalls = found.recalls.map {
        "\(NumberFormat.decimals($0.recall)) in the top \(Int(($0.share * 100).rounded())) %"
      }
      Console.print(
        "",
        "\(positives.count) flipped rows: AUC \(NumberFormat.decimals(found.auc)), recall \(recalls.joined(separator: ", "))"
      )
    }
  }
}
