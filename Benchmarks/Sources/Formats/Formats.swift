import ArgumentParser
import Foundation
import InfluenceKit

/// Times scoring passes over the same gradients stored in every type, and prints ratios to float32.
@main
struct Formats: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "Formats",
    abstract: "Times passes over the same gradients as float32, float16, bfloat16 and int8.",
    discussion: """
      Gradients are low rank plus noise, n rows in equal blocks, written once in each type. A pass is \
      that of hessian-free scores: S = V·Gᵀ over mapped files that are in memory. Types take turns, \
      so that a busy moment of the machine meets all of them; medians count.

        swift run -c release --package-path Benchmarks Formats
      """)

  @Option(help: "Training rows.") var rows = 1000
  @Option(help: "Blocks.") var blocks = 24
  @Option(help: "Columns of each block.") var columns = 8192
  @Option(parsing: .upToNextOption, help: "Numbers of queries.") var queries = [1, 10, 64]
  @Option(help: "Timed runs of each figure; the median counts.") var repeats = 9
  @Flag(help: "Also time the forming of K and its factor.") var fit = false
  @Option(help: "Where gradients are made, and found again.") var data = "/tmp/influence-formats"

  func run() throws {
    let types: [ElementType] = [.float32, .float16, .bfloat16, .int8]
    let count = max(1, queries.max() ?? 1)
    let stores = try types.map { try FormatGradients.store($0, count, of: self) }
    let queryStore = try FormatGradients.queries(count, of: self)
    print("n = \(rows), \(blocks) blocks × \(columns) columns, \(Parallelism.threads) threads")
    print(LinearAlgebraBackend.description)
    for count in queries {
      let chosen = queryStore[rows: 0..<count]
      let passes = try stores.map { store in
        try Curvature(
          fitting: [HessianFree()], on: store, options: CurvatureOptions(certifies: false))
      }
      let times = try takingTurns(passes.count, repeats: repeats) { index in
        _ = try passes[index].scores(of: chosen)
      }
      print("\nm = \(count)")
      report(types, stores, times)
    }
    guard fit else { return }
    let kernels = try takingTurns(stores.count, repeats: 1) { index in
      _ = try Curvature(
        fitting: [ExactFisher()], on: stores[index],
        options: CurvatureOptions(costModel: CostModel(request: .score), certifies: false))
    }
    print("\nexact's fit: K and its factor")
    report(types, stores, kernels)
  }

  private func report(_ types: [ElementType], _ stores: [GradientStore], _ times: [Seconds]) {
    for (index, type) in types.enumerated() {
      let bytes = Double(stores[index].bytesPerRow * stores[index].count)
      print(
        type.name.padding(toLength: 10, withPad: " ", startingAt: 0)
          + String(
            format: "%8.4f s (fastest %.4f)  %6.1f GB/s   / float32 %5.2f (fastest %.2f)",
            times[index].median, times[index].fastest, bytes / times[index].median / 1e9,
            times[index].median / times[0].median, times[index].fastest / times[0].fastest))
    }
  }
}

/// Seconds of several runs: the median to quote, and the fastest, which tells how noisy the machine was.
struct Seconds {
  let median: Double
  let fastest: Double
}

/// Times several things by turns, after a round that is not counted.
func takingTurns(
  _ count: Int, repeats: Int, _ body: (Int) throws -> Void
) rethrows -> [Seconds] {
  var seconds = [[Double]](repeating: [], count: count)
  let clock = ContinuousClock()
  for round in 0...repeats {
    for index in 0..<count {
      let (whole, parts) = try clock.measure { try body(index) }.components
      if round > 0 { seconds[index].append(Double(whole) + Double(parts) * 1e-18) }
    }
  }
  return seconds.map {
    let sorted = $0.sorted()
    return Seconds(median: sorted[sorted.count / 2], fastest: sorted[0])
  }
}
