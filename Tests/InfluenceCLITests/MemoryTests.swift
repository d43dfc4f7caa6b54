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
        ["self", "--method", "exact"], ["self", "--method", "hessian-free"],
      ])
    func peak(arguments: [String]) throws {
      let output = arguments.contains("--top") ? "out.csv" : "out.npy"
      // Held as a whole, scores and what they are made from take some 27 MB and more.
      let program = try RunningProgram(
        arguments + ["--train", "train", "--memory", "4MB", "--threads", "2", "--output", output],
        in: place.url)
      let peak = program.peakOfOwnMemory()
      let outcome = try program.outcome()
      #expect(outcome.status == 0, "\(outcome)")
      #expect(peak > 0 && peak < 4_000_000 + (16 << 20), "\(peak) bytes")
    }
  #endif

  @Test("Certificates of so many examples are refused before the fit, with the options that help")
  func refused() throws {
    let outcome = try place.run([
      "score", "--train", "train", "--query", "query.npy", "--method", "exact", "--memory", "4MB",
      "--output", "out.npy",
    ])
    #expect(outcome.status == 65)
    #expect(outcome.errors.contains("524288 training rows take "))
    #expect(outcome.errors.contains("raise --memory, or give --no-certificate"))
    #expect(!place.has("out.npy"))
  }
}
