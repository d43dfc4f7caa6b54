import Foundation
import InfluenceKit
import TestSupport
import Testing

/// Runs on more examples than fit in `--memory`.
@Suite("Memory of many examples")
struct MemoryTests {
  private let place: Workplace
  private static let rowCount = 1 << 19

  init() throws {
    place = try Workplace()
    var generator = SeededGenerator(seed: 4)
    let rows = Matrix<Float>.normal(Self.rowCount, 2, using: &generator)
    let writer = try GradientStoreWriter(
      creating: place.file("train"), layout: BlockLayout([("gradients", [2])]))
    try writer.append([rows])
    try writer.finish()
    try NumpyFile.write(Matrix(rows.view[rows: 0..<1]), to: place.file("query.npy"))
  }

  #if os(Linux)
    @Test(
      "A run keeps within the budget and 16 MB",
      arguments: [
        ["score", "--query", "query.npy", "--method", "datainf", "--no-certificate"],
        ["score", "--query", "query.npy", "--method", "exact", "--no-certificate"],
        ["score", "--query", "query.npy", "--method", "cosine", "--top", "3"],
        ["score", "--query", "query.npy", "--method", "exact"],
        ["score", "--query", "query.npy", "--method", "datainf"],
        ["self", "--method", "exact"], ["self", "--method", "hessian-free"],
      ])
    func peak(arguments: [String]) throws {
      let output = arguments.contains("--top") ? "out.csv" : "out.npy"
      // Held as a whole, scores and what they are made from take some 27 MB and more.
      try expectPeak(
        below: 16, budget: 4, of: arguments + ["--train", "train", "--output", output])
    }

    @Test(
      "What holds some numbers for every example keeps within the budget and 64 MiB",
      arguments: [
        ["inspect", "train"],
        ["outliers", "--train", "train", "--measure", "l2", "--output", "o.npy"],
        ["group", "--train", "train", "--query", "query.npy", "--rows", "1", "2", "3", "4", "5"],
        [
          "subset", "--train", "train", "--query", "query.npy", "--size", "2", "--algorithm",
          "greedy",
        ],
        [
          "compare", "--train", "train", "--query", "query.npy", "--methods", "exact", "--output",
          "c",
        ],
      ])
    func held(arguments: [String]) throws { try expectPeak(below: 64, budget: 12, of: arguments) }

    @Test("Suspects keep within the budget and 64 MiB")
    func suspects() throws {
      try expectPeak(
        below: 64, budget: 80,
        of: [
          "suspects", "--train", "train", "--query", "query.npy", "--rankings", "cosine", "exact",
          "self-influence", "gradient-norm",
        ])
    }

    @Test("A sweep, which holds the most for every example, keeps within the budget and 64 MiB")
    func sweep() throws {
      try expectPeak(
        below: 64, budget: 40,
        of: [
          "sweep", "--train", "train", "--query", "query.npy", "--method", "exact", "--grid",
          "0.1:1:2",
        ])
    }

    /// Runs with a budget in MB, above which the peak may be by so many MiB.
    private func expectPeak(below excess: Int, budget: Int, of arguments: [String]) throws {
      let program = try RunningProgram(
        arguments + ["--memory", "\(budget)MB", "--threads", "2"], in: place.url)
      let peak = program.peakOfOwnMemory()
      let outcome = try program.outcome()
      #expect(outcome.status == 0, "\(outcome)")
      #expect(peak > 0 && peak < 1_000_000 * budget + (excess << 20), "\(peak) bytes")
    }
  #endif

  @Test(
    "What memory does not hold for every example is refused before any work, with the option that helps",
    arguments: [
      ["self", "--train", "blocks", "--method", "exact", "--per-block", "--output", "o.npy"],
      [
        "score", "--train", "blocks", "--query", "query", "--method", "exact", "--per-block",
        "--output", "o.npy",
      ],
      ["subset", "--train", "train", "--query", "query.npy", "--size", "30"],
      ["compare", "--train", "train", "--query", "query.npy", "--output", "o"],
      ["suspects", "--train", "train", "--query", "query.npy", "--output", "o.csv"],
      [
        "sweep", "--train", "train", "--query", "query.npy", "--method", "exact", "--grid",
        "1e-3:1:7",
      ],
    ])
  func refused(arguments: [String]) throws {
    let layout = BlockLayout((0..<8).map { ("block\($0)", [1]) })
    let writer = try GradientStoreWriter(creating: place.file("blocks"), layout: layout)
    let column = Matrix<Float>(repeating: 1, rows: Self.rowCount, columns: 1)
    try writer.append(layout.blocks.map { _ in column })
    try writer.finish()
    let query = try GradientStoreWriter(creating: place.file("query"), layout: layout)
    try query.append(layout.blocks.map { _ in Matrix<Float>(repeating: 1, rows: 1, columns: 1) })
    try query.finish()
    let outcome = try place.run(arguments + ["--memory", "4MB"])
    #expect(outcome.status == 65)
    #expect(outcome.errors.contains("bytes"), "\(outcome)")
    #expect(outcome.errors.contains("more than the 4000000 allowed"), "\(outcome)")
    #expect(outcome.errors.contains("raise --memory"), "\(outcome)")
    #expect(!place.has("o.npy") && !place.has("o") && !place.has("o.csv"))
  }
}
