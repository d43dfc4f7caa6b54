import ArgumentParser
import Foundation
import InfluenceKit

/// Times InfluenceKit and PyTorch on the same gradients in one go, and prints ratios.
@main
struct Scoring: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "Scoring",
    abstract: "Times scoring against PyTorch on the same gradients, in one go.",
    discussion: """
      Gradients are low rank plus noise, n rows in equal blocks, in float32. Ratios are PyTorch's \
      median over ours: above 1, we are faster.

        swift run -c release --package-path Benchmarks Scoring --python venv/bin/python

      Without --python, only our own figures are printed.
      """)

  @Option(help: "Training rows.") var rows = 1000
  @Option(help: "Blocks.") var blocks = 24
  @Option(help: "Columns of each block.") var columns = 8192
  @Option(parsing: .upToNextOption, help: "Numbers of queries.") var queries = [1, 10, 100]
  @Option(help: "Timed runs of each figure; the median counts.") var repeats = 5
  @Option(help: "A Python with torch, numpy and safetensors.") var python: String?
  @Option(help: "Where Benchmarks/pytorch is.") var scripts = "Benchmarks/pytorch"
  @Option(help: "Where gradients are made, and found again.") var data = "/tmp/influence-benchmark"
  @Flag(inversion: .prefixedNo, help: "Also time PyTorch's loop over examples and queries.")
  var loop = true

  func run() throws {
    let gradients = try BenchmarkGradients(
      rows: rows, queries: queries.max() ?? 1, blocks: blocks, columns: columns,
      directory: URL(filePath: data))
    let training = try GradientStore(opening: gradients.train)
    let everyQuery = try GradientStore(opening: gradients.query)
    let machine = MachineRates.measured(repeats: repeats)
    print(
      "n = \(rows), \(blocks) blocks × \(columns) columns, float32, \(Parallelism.threads) threads")
    print(LinearAlgebraBackend.description)
    print(
      "this run's peak: sgemm \(Int(machine.gigaflops)) GFLOP/s, reading \(String(format: "%.1f", machine.gigabytes)) GB/s"
    )
    for count in queries {
      let ours = try OurTimes(
        training: training, queries: everyQuery[rows: 0..<count], repeats: repeats)
      var theirs: TheirTimes?
      if let python {
        theirs = try TheirTimes(
          python: python, script: "\(scripts)/datainf.py", train: gradients.trainTensors,
          query: gradients.queryTensors, queries: count, repeats: repeats,
          threads: Parallelism.threads, loop: loop)
      }
      report(count, ours, theirs, machine)
    }
  }

  private func report(
    _ count: Int, _ ours: OurTimes, _ theirs: TheirTimes?, _ machine: MachineRates
  ) {
    let work = Double(count) * Double(rows) * Double(blocks * columns)
    func line(_ name: String, _ seconds: Seconds, flops: Double, against other: Double?) {
      let rate = flops / seconds.median / 1e9
      var text = name.padding(toLength: 32, withPad: " ", startingAt: 0)
      text += String(
        format: "%8.4f s (fastest %.4f) %5.0f GFLOP/s (%3.0f %% of peak)", seconds.median,
        seconds.fastest, rate,
        100 * rate / machine.gigaflops)
      if let other {
        text += String(format: "   PyTorch %8.4f s   ratio %7.2f", other, other / seconds.median)
      }
      print(text)
    }
    print("\nm = \(count)")
    let vectorised = theirs?.vectorised
    line("datainf, from opened stores", ours.oneShot, flops: 6 * work, against: vectorised)
    line(
      "datainf, with its certificate", ours.certified, flops: 10 * work, against: vectorised)
    line("datainf, once fitted", ours.fittedDataInf, flops: 2 * work, against: vectorised)
    line("exact, once fitted", ours.fittedExact, flops: 2 * work, against: theirs?.exact)
    line("hessian-free", ours.hessianFree, flops: 2 * work, against: nil)
    print(
      String(
        format: "exact once fitted / datainf once fitted: %.2f",
        ours.fittedExact.median / ours.fittedDataInf.median))
    print(
      String(
        format: "fits: datainf %.2f s, exact %.2f s%@", ours.fitDataInf, ours.fitExact,
        theirs.map { String(format: " (PyTorch exact, kernel and factor: %.2f s)", $0.exactFit) }
          ?? ""))
    if let looped = theirs?.loop {
      print(
        String(
          format: "loop over examples and queries in PyTorch: %.1f s (extrapolated), ratio %.0f",
          looped, looped / ours.oneShot.median))
    }
  }
}
