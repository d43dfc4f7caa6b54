import Foundation
import InfluenceKit
import OrderedCollections

extension ComparisonFolder {
  /// Settings, results and versions as JSON.
  func record() throws -> OrderedJSON {
    [
      "format": "influencekit-comparison",
      "version": 1,
      "settings": settings.json,
      "train": try record(of: training),
      "query": try record(of: queries),
      "flipped": flippedRows.map { .array($0.sorted().map { .integer($0) }) } ?? .null,
      "convention": "helpful",
      "blocks": .array(
        comparison.contexts.map { context in
          [
            "name": .string(context.name),
            "shape": .array(context.block.shape.map { .integer($0) }),
            "lambda": context.damping.map { .number($0) } ?? .null,
          ]
        }),
      "methods": .array(comparison.entries.map { json($0) }),
      "agreement": [
        "spearman": Self.rows(comparison.agreement.spearman),
        "top_10_percent_overlap": Self.rows(comparison.agreement.topOverlap),
      ],
      "seconds": .number(seconds),
      "warnings": .list(warnings),
      "versions": RunRecord.versions,
      "command": RunRecord.commandLine,
    ]
  }

  /// What is said of a store; gradients that the run has made itself are named as they are in the end.
  private func record(of store: GradientStore) throws -> OrderedJSON {
    let record = try store.record()
    let place = RealPath.of(folder.path)
    guard var fields = record.object, store.name.hasPrefix(place + ".part/") else { return record }
    fields["path"] = .string(place + store.name.dropFirst(place.count + 5))
    return .object(fields)
  }

  private static func rows(_ matrix: Matrix<Double>) -> OrderedJSON {
    .array((0..<matrix.rows).map { .array(matrix[row: $0].map { .finite($0) }) })
  }

  private func json(_ entry: MethodComparison.Entry) -> OrderedJSON {
    [
      "method": .string(entry.specification),
      "settings": .settings(entry.scores.settings),
      "damping": entry.isDamped ? .string(comparison.damping.description) : .null,
      "scores": .string("scores/\(Self.scoreFileName(entry.specification))"),
      "fit_seconds": .number(entry.fitSeconds),
      "score_seconds": .number(entry.scoreSeconds),
      "peak_memory_bytes": entry.peakMemory.map { .integer($0) } ?? .null,
      "pearson": .finite(entry.agreement.meanPearson),
      "spearman": .finite(entry.agreement.meanSpearman),
      "top_10_percent_overlap": .finite(entry.agreement.meanTopOverlap),
      "queries_without_order": .integer(entry.agreement.undefinedRows.count),
      "mean_query_pearson": .finite(entry.meanQueryAgreement.meanPearson),
      "mean_query_spearman": .finite(entry.meanQueryAgreement.meanSpearman),
      "relative_residual_median": .finite(entry.medianResidual),
      "score_error_bound": .finite(entry.scores.certificate?.errorBounds().max()),
      "largest_score": .finite(entry.scores.values.elements.lazy.map(abs).max()),
      "flipped_auc": .finite(entry.detection?.areaUnderROC),
      "flipped_recall_10_percent": .finite(entry.detection?.recallAt10),
      "flipped_recall_20_percent": .finite(entry.detection?.recallAt20),
    ]
  }
}

extension ComparisonFolder.Settings {
  var json: OrderedJSON {
    [
      "train": .text(train),
      "query": .text(query),
      "flipped": .text(flipped),
      // A string: a JSON number cannot hold every 64-bit seed.
      "seed": .string(String(seed)),
      "methods": .list(methods),
      "aggregate": .string(aggregation.rawValue),
      "partition": partition.json,
      "damping": .string(damping.description),
      "side": .string(side.rawValue),
      "precision": .string(precision.rawValue),
      "threads": .integer(threads ?? Parallelism.threads),
    ]
  }

  /// The number of threads of an earlier run; nil where its record cannot be read.
  static func threads(recordedIn folder: URL) -> Int? {
    let record = try? OrderedJSON(contentsOf: folder.appending(path: ComparisonFolder.recordName))
    return record?["settings"]?["threads"]?.integer.flatMap { $0 > 0 ? $0 : nil }
  }

  /// Reads the settings of an earlier run, and checks that its inputs are still the same, byte for byte.
  init(recordedIn folder: URL) throws {
    let url = folder.appending(path: ComparisonFolder.recordName)
    guard FileManager.default.fileExists(atPath: url.path) else {
      throw Failure.noInput(
        "\(url.path): no such file; give the folder that `influence compare` left")
    }
    let record = try SealedJSON(contentsOf: url).content
    guard record["format"]?.string == "influencekit-comparison", let json = record["settings"]
    else {
      throw Failure.data(
        "\(url.path): it is not the record of a comparison; give the folder that `influence compare` left"
      )
    }
    func setting<Value>(_ field: String, _ read: (OrderedJSON) -> Value?) throws -> Value {
      if let value = json[field].flatMap(read) { return value }
      throw Failure.data(
        "\(url.path): field settings.\(field) is missing or wrong; run the comparison anew")
    }
    self.init(
      train: json["train"]?.string, query: json["query"]?.string,
      flipped: json["flipped"]?.string,
      seed: try setting("seed") { $0.string.flatMap { UInt64($0) } },
      methods: try setting("methods") { json in
        json.array.map { $0.compactMap(\.string) }.flatMap { $0.isEmpty ? nil : $0 }
      },
      aggregation: try json["aggregate"] == nil
        ? .mean : setting("aggregate") { $0.string.flatMap(ScoreAggregation.init) },
      partition: .tensor, damping: try setting("damping") { $0.string.flatMap { Damping($0) } },
      side: try setting("side") { $0.string.flatMap(CostModel.Request.init) },
      precision: try setting("precision") { $0.string.flatMap(CurvatureOptions.Precision.init) },
      threads: try setting("threads") { $0.integer.flatMap { $0 > 0 ? $0 : nil } })
    if let json = json["partition"] { partition = try BlockPartition(json: json, path: url.path) }
    for (path, name) in [(train, "train"), (query, "query")] {
      let about = record[name]
      guard let path, let recorded = (about?["crc32c"] ?? about?["crc32c_as_recorded"])?.string
      else { continue }
      let store = try GradientStore(opening: URL(filePath: path), check: .everything)
      guard try store.checksum() == recorded else {
        throw Failure.data(
          "\(path): its contents have changed since the run in \(folder.path); restore it, or compare anew"
        )
      }
    }
  }
}
