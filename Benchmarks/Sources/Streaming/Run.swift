import ArgumentParser
import Foundation
import InfluenceKit

/// `Streaming run`: measures, and prints one table.
struct Run: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Runs influence on the stores, and prints one Markdown table.",
    discussion: """
      Parts: wide (time, memory and correctness, cold and warm), twins (float16, and int8 if the command writes \
      it; of wide), glue (exact against datainf), cg (passes of block and single conjugate \
      gradients). GB/s is the store's bytes, counted once, over the whole time of the command; of disk and of memory are shares of this \
      run's own rates. Memory is the largest sample of RssAnon, every 2 ms.

        Streaming run --stores /data/streaming --influence .build/release/influence \\
            --memory 1GiB --json streaming.json
        Streaming run --stores /tmp/small --influence .build/release/influence --only wide glue
      """)

  enum Part: String, ExpressibleByArgument, CaseIterable { case wide, twins, glue, cg }

  @Option(help: "The folder that make wrote to.") var stores: String
  @Option(help: "The command influence, built for release.") var influence: String
  @Option(help: "The bound given to the command, in bytes or as 500MB or 1GiB.") var memory = "1GiB"
  @Option(parsing: .upToNextOption, help: "Parts to run.") var only = Part.allCases
  @Option(help: "Timed runs of each warm figure, and of each that is checked; the median counts.")
  var repeats = 3
  @Option(help: "Training rows whose scores are checked.") var slice = 256
  @Option(help: "Queries that cg solves alone.") var singles = 4
  @Option(help: "Where all numbers are written.") var json: String?

  func validate() throws {
    guard repeats > 0, slice > 0, singles > 0 else {
      throw ValidationError("--repeats, --slice and --singles are positive")
    }
    _ = try boundBytes()
  }

  func run() throws {
    var bench = try Bench(
      stores: URL(filePath: stores), influence: influence, memory: memory,
      boundBytes: try boundBytes(), repeats: repeats)
    let single = MachineCalibration.measure()
    bench.results.machine = [
      "sgemm GFLOP/s": single.singleRate / 1e9, "memory GB/s": single.memoryRate / 1e9,
      "threads": Double(Parallelism.threads),
    ]
    bench.memoryRate = single.memoryRate
    // What the other parts measure is worth having, even if one fails.
    var failed = false
    for part in Part.allCases where only.contains(part) {
      do {
        switch part {
        case .wide: try bench.wide(slice: slice)
        case .twins: try bench.twins()
        case .glue: try bench.glue()
        case .cg: try bench.conjugateGradients(singles: singles)
        }
      } catch {
        bench.results.notes.append("\(part.rawValue) stopped: \(error)")
        failed = true
      }
    }
    report(bench.results)
    if failed { throw ExitCode.failure }
  }

  private func report(_ results: Results) {
    print(results.markdown + "\n")
    for (name, value) in results.machine.sorted(by: { $0.key < $1.key }) {
      print("\(name): \(String(format: "%.4g", value))")
    }
    for note in results.notes { print(note) }
    print(LinearAlgebraBackend.description)
    guard let json else { return }
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
    encoder.nonConformingFloatEncodingStrategy = .convertToString(
      positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
    do {
      try encoder.encode(results).write(to: URL(filePath: json))
    } catch {
      print("error: \(json) was not written: \(error)")
    }
  }

  /// The bound as the command understands it.
  private func boundBytes() throws -> Int {
    let units = [
      ("kib", 0x1p10), ("mib", 0x1p20), ("gib", 0x1p30), ("kb", 1e3), ("mb", 1e6), ("gb", 1e9),
    ]
    let unit = units.first { memory.lowercased().hasSuffix($0.0) }
    guard let value = Double(memory.dropLast(unit?.0.count ?? 0)), value > 0 else {
      throw ValidationError("--memory \(memory): write it as 500MB or 1GiB")
    }
    return Int(value * (unit?.1 ?? 1))
  }
}
