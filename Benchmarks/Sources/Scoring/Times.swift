import Foundation
import InfluenceKit

/// Seconds of several runs: the median to quote, and the fastest, which tells how noisy the machine was.
struct Seconds {
  let median: Double
  let fastest: Double
}

/// Times several runs, after one that is not counted.
func seconds(of repeats: Int, _ body: () throws -> Void) rethrows -> Seconds {
  try body()
  let clock = ContinuousClock()
  var seconds: [Double] = []
  for _ in 0..<repeats {
    let (whole, parts) = try clock.measure(body).components
    seconds.append(Double(whole) + Double(parts) * 1e-18)
  }
  let sorted = seconds.sorted()
  return Seconds(median: sorted[repeats / 2], fastest: sorted[0])
}

/// What the machine gives at best, measured in the same run.
struct MachineRates {
  let gigaflops: Double
  let gigabytes: Double

  static func measured(repeats: Int) -> MachineRates {
    var generator = SeededGenerator(seed: 1)
    let order = 3072
    let a = Matrix<Float>.uniform(order, order, using: &generator)
    var product = Matrix<Float>.zeros(order, order)
    let multiply = seconds(of: repeats) { product.set(product: a.view, a.transposed) }
    let wide = Matrix<Float>(repeating: 1, rows: 1000, columns: 200_000)
    let reading = seconds(of: repeats) { _ = wide.view.squaredRowNorms() }
    return MachineRates(
      gigaflops: 2 * Double(order) * Double(order) * Double(order) / multiply.median / 1e9,
      gigabytes: 0.8 / reading.median)
  }
}

/// Medians of our own times, for one number of queries.
struct OurTimes {
  /// Fit and score, from opened stores, by passes over the gradients.
  let oneShot: Seconds
  /// The same with residuals.
  let certified: Seconds
  let fittedDataInf: Seconds
  let fittedExact: Seconds
  let hessianFree: Seconds
  let fitDataInf: Double
  let fitExact: Double

  init(training: GradientStore, queries: GradientStore, repeats: Int) throws {
    func options(certifies: Bool, _ expected: Int?) -> CurvatureOptions {
      CurvatureOptions(
        costModel: CostModel(expectedQueries: expected), certifies: certifies)
    }
    oneShot = try seconds(of: repeats) {
      let curvature = try Curvature(
        fitting: [DataInf()], on: training, options: options(certifies: false, queries.count))
      _ = try curvature.scores(of: queries)
    }
    certified = try seconds(of: repeats) {
      let curvature = try Curvature(
        fitting: [DataInf()], on: training, options: options(certifies: true, queries.count))
      _ = try curvature.scores(of: queries)
    }
    hessianFree = try seconds(of: repeats) {
      let curvature = try Curvature(
        fitting: [HessianFree()], on: training, options: options(certifies: false, nil))
      _ = try curvature.scores(of: queries)
    }
    let dataInf = try Curvature(
      fitting: [DataInf()], on: training, options: options(certifies: false, nil))
    fitDataInf = dataInf.seconds
    fittedDataInf = try seconds(of: repeats) { _ = try dataInf.scores(of: queries) }
    let exact = try Curvature(
      fitting: [ExactFisher()], on: training, options: options(certifies: false, nil))
    fitExact = exact.seconds
    fittedExact = try seconds(of: repeats) { _ = try exact.scores(of: queries) }
  }
}

/// PyTorch's medians, as its own program measures them.
struct TheirTimes {
  let vectorised: Double
  /// The exact method's scoring, kernel and factorisation not counted.
  let exact: Double
  let exactFit: Double
  let loop: Double?

  init(
    python: String, script: String, train: URL, query: URL, queries: Int, repeats: Int,
    threads: Int, loop: Bool
  ) throws {
    let process = Process()
    process.executableURL = URL(filePath: python)
    process.arguments =
      [
        script, "--train", train.path, "--query", query.path, "--queries", "\(queries)",
        "--repeats", "\(repeats)", "--threads", "\(threads)", "--json",
      ] + (loop ? ["--loop"] : [])
    let output = Pipe()
    process.standardOutput = output
    try process.run()
    let data = try output.fileHandleForReading.readToEnd() ?? Data()
    process.waitUntilExit()
    guard process.terminationStatus == 0 else {
      throw CocoaError(.executableLoad, userInfo: [NSFilePathErrorKey: script])
    }
    let json = try OrderedJSON(parsing: [UInt8](data), path: script)
    func number(_ value: OrderedJSON?) -> Double { value?.number ?? .nan }
    vectorised = number(json["datainf_seconds"])
    let phases = json["exact"]?["phases"]
    exact = number(phases?["C"]) + number(phases?["solve"])
    exactFit = number(phases?["K"]) + number(phases?["factor"])
    self.loop = json["loop"]?["extrapolated_seconds"]?.number
  }
}
