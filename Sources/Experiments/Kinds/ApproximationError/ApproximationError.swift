internal import Data
public import OrderedCollections
internal import Evaluation
internal import Gradients
internal import Influence
internal import LinearAlgebra
internal import Models
internal import Reporting
internal import TensorFiles

/// How close each approximation is to exact influence as the rank of the adapters grows.
///
/// DataInf's figure 1: Pearson's correlation of approximate with exact influence on the mean validation
/// loss, against the rank of LoRA. The closed form swaps a mean and an inverse, whose difference grows with
/// the number of columns of a block.
public struct ApproximationError: Experiment {
  /// `approximation-error`.
  public static let kind = "approximation-error"
  /// The question.
  public static let summary = "How close is each approximation to exact as LoRA's rank grows"
  /// DataInf's figure 1.
  public static let source = "DataInf (arXiv 2310.00902), figure 1."

  /// Data, model, ranks, methods.
  public static let settings =
    [
      Setting(
        "ranks", .integers(1...1024), standard: [1, 2, 4, 8], help: "ranks of the LoRA adapters"),
      Setting(
        "methods", .methods,
        standard: ["hessian-free", "block-normalized", "datainf", "lissa:depth=10", "exact"],
        help: "what is held against exact"),
    ]
    + DataTask.settings(
      .init(base: 597, training: 900, validation: 200, test: 100, flip: 0.2))
    + NetworkTask.settings(
      .init(hidden: [128, 64], epochs: 20, rank: 4), includesRank: false)

  private let ranks: [Int]
  private let methods: [String]
  private let data: DataTask
  private let network: NetworkTask

  /// Opens the data.
  public init(_ settings: Settings) throws {
    ranks = settings.integers("ranks")
    guard Set(ranks).count == ranks.count else {
      throw settings.invalid("ranks", "a rank is given twice")
    }
    methods = settings.texts("methods").filter { $0 != MethodComparison.reference }
    guard !methods.isEmpty else {
      throw settings.invalid("methods", "there is nothing to hold against exact; add a method")
    }
    data = try DataTask(settings)
    network = NetworkTask(settings)
  }

  /// The data set.
  public var inputs: OrderedDictionary<String, String> {
    OrderedDictionary(uniqueKeysWithValues: data.inputs)
  }

  /// One cell a seed and rank.
  public func cells(seeds: [UInt64]) -> [ExperimentCell] {
    seeds.flatMap { seed in
      ranks.map { rank in
        ExperimentCell(Self.cell(seed, rank)) { try compute(seed: seed, rank: rank, $0) }
      }
    }
  }

  private static func cell(_ seed: UInt64, _ rank: Int) -> String { "seed-\(seed)/rank-\(rank)" }

  private func compute(seed: UInt64, rank: Int, _ context: CellContext) throws -> CellResult {
    let parts = try data.parts(seed: seed)
    var network = network
    network.rank = rank
    let model = try network.trained(on: parts, seed: seed, progress: context.progress)
    let gradients = try GradientPair(
      of: model, training: parts.training, queries: parts.validation, methods: methods, seed: seed)
    let comparison = try MethodComparison(
      of: methods, training: gradients.training, queries: gradients.queries,
      flipped: parts.flippedRows.isEmpty ? nil : parts.flippedRows, progress: context.progress)
    var values: OrderedDictionary<String, OrderedJSON> = [:]
    var costs: OrderedDictionary<String, OrderedJSON> = [:]
    var scores: OrderedDictionary<String, [Double]> = [:]
    for entry in comparison.entries {
      scores[entry.specification] = entry.scores.values.meanRow().elements
      values[entry.specification] = [
        "mean_query_pearson": .optional(entry.meanQueryAgreement.meanPearson),
        "mean_query_spearman": .optional(entry.meanQueryAgreement.meanSpearman),
        "pearson": .optional(entry.agreement.meanPearson),
        "spearman": .optional(entry.agreement.meanSpearman),
        "top_10_percent_overlap": .optional(entry.agreement.meanTopOverlap),
        "flipped_auc": .optional(entry.detection?.areaUnderROC),
        "residual": .optional(entry.medianResidual),
        "mean_query_scores": .numbers(entry.scores.values.meanRow().elements),
      ]
      costs[entry.specification] = [
        "fit_seconds": .number(entry.fitSeconds), "score_seconds": .number(entry.scoreSeconds),
      ]
    }
    return CellResult(
      values: [
        "columns": .integer(gradients.training.layout.columnCount),
        "test_accuracy": .number(try model.accuracy(on: parts.test)),
        "methods": .object(values),
      ], costs: .object(costs),
      scores: [
        CellScores(
          "mean-query", about: "score for the mean validation query; positive is helpful",
          rows: scores)
      ])
  }

  /// Correlation against rank, with intervals over seeds; the first seed's scores against exact.
  public func report(_ results: ExperimentResults) throws -> ExperimentReport {
    func statistic(_ method: String, _ rank: Int, _ key: String) throws -> SeedStatistic {
      try SeedStatistic(
        results.seeds.map {
          results[Self.cell($0, rank)].number(at: "methods", method, key) ?? .nan
        })
    }
    var table = Table(
      columns: [.init("rank", .significant(digits: 4)), .init("method")]
        + SeedStatistic.columns("Pearson, mean query")
        + SeedStatistic.columns("Spearman, mean query")
        + SeedStatistic.columns("Pearson, each query") + SeedStatistic.columns("top 10 %"))
    var curves: [(name: String, points: [Chart.Point])] = []
    for rank in ranks {
      for method in methods {
        table.append(
          [.integer(rank), .text(method)]
            + (try statistic(method, rank, "mean_query_pearson").cells)
            + (try statistic(method, rank, "mean_query_spearman").cells)
            + (try statistic(method, rank, "pearson").cells)
            + (try statistic(method, rank, "top_10_percent_overlap").cells))
      }
    }
    for method in methods {
      curves.append(
        (
          method,
          try ranks.map { rank in
            let value = try statistic(method, rank, "mean_query_pearson")
            return Chart.Point(Double(rank), value.mean, lower: value.lower, upper: value.upper)
          }
        ))
    }
    var report = ExperimentReport(
      tables: [
        .init("correlation", caption: "Correlation with exact influence (± 95 % over seeds)", table)
      ])
    report.pictures.append(
      .init(
        "correlation",
        caption:
          "Pearson's correlation with exact influence on the mean validation loss, against the rank of the adapters; bands are 95 % over seeds.",
        svg: try Chart.curves(
          "Correlation with exact influence",
          x: .init("LoRA rank", scale: .logarithmic), y: .init("Pearson's correlation"), curves
        ).svg()))
    try describe(results, statistic, in: &report)
    return report
  }

  private func describe(
    _ results: ExperimentResults, _ statistic: (String, Int, String) throws -> SeedStatistic,
    in report: inout ExperimentReport
  ) throws {
    if let seed = results.seeds.first, let rank = ranks.last, let method = methods.last {
      let cell = results[Self.cell(seed, rank)]["methods"]
      let exact = cell?.numbers(at: MethodComparison.reference, "mean_query_scores") ?? []
      let others = methods.contains("datainf") ? "datainf" : method
      let scores = cell?.numbers(at: others, "mean_query_scores") ?? []
      let pearson = try Correlation.pearson(scores, exact)
      report.pictures.append(
        .init(
          "against-exact",
          caption:
            "Scores of \(others) against exact ones, each divided by its largest, rank \(rank), seed \(seed).",
          svg: try Chart.againstExact(
            "\(others) against exact", method: others, exact: Self.scaled(exact),
            approximate: Self.scaled(scores),
            remarks: ["Pearson \(NumberFormat.decimals(pearson, 3))"]
          ).svg()))
    }
    let first = ranks.min() ?? 1
    let last = ranks.max() ?? 1
    for method in methods {
      let (low, high) = (
        try statistic(method, first, "mean_query_pearson"),
        try statistic(method, last, "mean_query_pearson")
      )
      report.findings.append(
        "`\(method)`: \(low.text()) at rank \(first), \(high.text()) at rank \(last).")
    }
    guard methods.contains("datainf"), methods.contains("hessian-free") else { return }
    let gains = try ranks.map {
      try statistic("datainf", $0, "mean_query_pearson").mean
        - statistic("hessian-free", $0, "mean_query_pearson").mean
    }
    let mean = gains.reduce(0, +) / Double(gains.count)
    report.checks.append(
      .init(
        "DataInf is about as close to exact as Hessian-free, or closer (mean over ranks above −0.1)",
        mean > -0.1, detail: "difference \(NumberFormat.decimals(mean, 3))"))
  }

  private static func scaled(_ scores: [Double]) -> [Double] {
    let largest = scores.map(abs).max() ?? 0
    return largest > 0 ? scores.map { $0 / largest } : scores
  }
}
