import Foundation
import InfluenceKit
import OrderedCollections
import Reporting

/// A comparison with the folder of its results: gradients (of digits), scores, settings and tables.
struct ComparisonFolder {
  /// The settings that decide the result.
  struct Settings {
    var train: String?
    var query: String?
    var flipped: String?
    var seed: UInt64
    var methods: [String]
    var aggregation = ScoreAggregation.mean
    var partition: BlockPartition
    var damping: Damping
    var side: CostModel.Request
    var precision: CurvatureOptions.Precision
    var threads: Int?
    /// The memory budget in bytes, which decides whether there is a result, not which one.
    var memory: Int?
    /// Which bytes of the stores are compared with their checksums.
    var check = StoreCheck.small
  }

  let settings: Settings
  let folder: URL
  let training: GradientStore
  let queries: GradientStore
  let flippedRows: Set<Int>?
  let comparison: MethodComparison
  let headline: String
  let seconds: Double

  static let recordName = "run.json"

  /// Runs the comparison and writes its folder.
  init(_ settings: Settings, folder: URL, quiet: Bool) throws {
    let start = ContinuousClock.now
    try settings.damping.validate()
    let onRepresentations = try settings.methods.filter {
      if try RepresentationCatalog.method($0) != nil { return true }
      _ = try EstimatorCatalog.estimator($0)
      return false
    }
    let pending: ResultFolder
    // Inputs are opened before the folder is made, and the folder goes again after an error: bad
    // input leaves nothing behind.
    if let train = settings.train, let query = settings.query {
      training = try GradientStore(opening: URL(filePath: train), check: settings.check)
        .partitioned(by: settings.partition)
      queries = try GradientStore(opening: URL(filePath: query), check: settings.check)
        .partitioned(by: settings.partition)
      try training.requireSameBlocks(as: queries)
      let count = training.count
      flippedRows = try settings.flipped.map {
        try FlippedRows.rows(at: URL(filePath: $0), count: count)
      }
      headline =
        "\(Console.shortened(train)): \(training.count) training rows × \(training.layout.columnCount) columns in \(Counted(training.layout.count, "block")); \(Counted(queries.count, "query", "queries"))"
      pending = try ResultFolder(folder, inputs: [train, query])
    } else {
      pending = try ResultFolder(folder)
      let digits = try DigitsGradients(
        seed: settings.seed, folder: pending.unfinished, representations: !onRepresentations.isEmpty
      )
      training = try digits.training.partitioned(by: settings.partition)
      queries = try digits.queries.partitioned(by: settings.partition)
      flippedRows = digits.flippedRows
      headline = digits.headline
    }
    let (train, query, flipped) = (training, queries, flippedRows)
    comparison = try ProgressBar.during(quiet: quiet) { progress in
      try MethodComparison(
        of: settings.methods, training: train, queries: query,
        options: CurvatureOptions(
          damping: settings.damping, costModel: CostModel(request: settings.side),
          precision: settings.precision, memoryBudget: settings.memory),
        aggregation: settings.aggregation,
        flipped: flipped,
        representations: onRepresentations.isEmpty
          ? nil : (train.representations(), query.representations()),
        progress: progress)
    }
    self.settings = settings
    self.folder = folder
    seconds = (ContinuousClock.now - start) / .seconds(1)
    Interruption.postpone()
    defer { Interruption.allow() }
    try write(to: pending.unfinished)
    try pending.keep()
    Interruption.leaves("\(Console.shortened(folder.path)) is complete")
  }

  var warnings: [String] {
    var seen: Set<String> = []
    return
      (comparison.entries.flatMap(\.scores.warnings) + orderlessQueries
      + comparison.dominance)
      .filter { seen.insert($0).inserted }
  }

  /// Queries whose scores are all equal by some method, so that no correlation is defined.
  private var orderlessQueries: [String] {
    comparison.entries.compactMap { entry in
      let rows = entry.agreement.undefinedRows
      guard !rows.isEmpty else { return nil }
      let shown = rows.prefix(10).map(String.init).joined(separator: ", ")
      return
        "\(entry.specification): the scores of \(rows.count == 1 ? "1 query" : "\(rows.count) queries") have no order to compare, by it or by \(MethodComparison.reference), and are left out of the means (rows \(shown)\(rows.count > 10 ? ", …" : ""))"
    }
  }

  /// The results, one row per method.
  func table() throws -> Table {
    let knowsFlipped = flippedRows != nil
    return try Table(
      of: comparison.entries,
      .text("method") { $0.specification },
      .field("damping") { $0.isDamped ? .text(comparison.damping.description) : .missing },
      .number("fit", .seconds) { $0.fitSeconds },
      .number("score", .seconds) { $0.scoreSeconds },
      .field("memory", .bytes) { $0.peakMemory.map { .integer($0) } ?? .missing },
      .number("Pearson", .decimals(4)) { $0.agreement.meanPearson },
      .number("Spearman", .decimals(4)) { $0.agreement.meanSpearman },
      .number("mean P", .decimals(4)) { $0.meanQueryAgreement.meanPearson },
      .number("mean S", .decimals(4)) { $0.meanQueryAgreement.meanSpearman },
      .number("top 10 %", .decimals(3)) { $0.agreement.meanTopOverlap },
      .number("residual", .significant(digits: 3)) { $0.medianResidual },
      knowsFlipped ? .number("AUC", .decimals(3)) { $0.detection?.areaUnderROC } : nil,
      knowsFlipped ? .number("rec. 10 %", .decimals(3)) { $0.detection?.recallAt10 } : nil,
      knowsFlipped ? .number("rec. 20 %", .decimals(3)) { $0.detection?.recallAt20 } : nil)
  }

  /// How far the methods are from each other: Spearman's correlation, and the share of the top in common.
  var agreementTables: [(title: String, fileName: String, table: Table)] {
    let names = comparison.entries.map(\.specification)
    func table(_ matrix: Matrix<Double>) -> Table {
      var table = Table(
        columns: [.init("method", .text)] + names.map { .init($0, .decimals(3)) })
      for (row, name) in names.enumerated() {
        table.append(
          [.text(name)]
            + matrix[row: row].map { $0.isFinite ? .number($0) : .missing })
      }
      return table
    }
    let (spearman, overlap) = (comparison.agreement.spearman, comparison.agreement.topOverlap)
    let overlapTitle = "share of the 10 % most helpful in common, mean over queries"
    return [
      ("Spearman, mean over queries", "agreement_spearman.csv", table(spearman)),
      (overlapTitle, "agreement_top.csv", table(overlap)),
    ]
  }

  /// The file name of a method's scores.
  static func scoreFileName(_ specification: String) -> String {
    let name = specification.map { $0.isLetter || $0.isNumber || "-.".contains($0) ? $0 : "_" }
    return String(name) + ".npy"
  }

  private func write(to folder: URL) throws {
    let scoresFolder = folder.appending(path: "scores")
    try FileManager.default.createDirectory(at: scoresFolder, withIntermediateDirectories: true)
    for entry in comparison.entries {
      try NumpyFile.write(
        Matrix<Float>(converting: entry.scores.values),
        to: scoresFolder.appending(path: Self.scoreFileName(entry.specification)))
    }
    try AtomicFile.write(table().markdown(), to: folder.appending(path: "table.md"))
    try AtomicFile.write(table().csv(), to: folder.appending(path: "table.csv"))
    for agreement in agreementTables {
      try AtomicFile.write(
        agreement.table.csv(), to: folder.appending(path: agreement.fileName))
    }
    let names =
      ["table.md", "table.csv"] + agreementTables.map(\.fileName)
      + comparison.entries.map { "scores/\(Self.scoreFileName($0.specification))" }
    let files = try FileChecksums(of: names, in: folder)
    // Last: a folder with a record is a whole run.
    try AtomicFile.write(
      try record().adding([FileChecksums.key: files.json]).sealed().serialized(.indented) + "\n",
      to: folder.appending(path: Self.recordName))
  }

  /// Methods whose scores are not those of an earlier run, bit for bit.
  func differences(from earlier: URL) throws -> [String] {
    try comparison.entries.map(\.specification).filter { specification in
      let path = "scores/\(Self.scoreFileName(specification))"
      let old = try MemoryMap(opening: earlier.appending(path: path))
      let new = try MemoryMap(opening: folder.appending(path: path))
      return try old.bytes(in: 0..<old.count) != new.bytes(in: 0..<new.count)
    }
  }
}
