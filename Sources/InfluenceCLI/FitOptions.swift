public import ArgumentParser
import Foundation
public import InfluenceKit

/// Options of every command that fits a curvature.
struct FitOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "λ: a share of each block's mean eigenvalue (0.1), or absolute:VALUE.",
      valueName: "share|absolute:value"))
  var damping: Damping = .standard

  @Option(help: "Where blocks are fitted: automatic, score (n × n) or query (d × d, or passes).")
  var side: CostModel.Request = .automatic

  @Option(help: "Precision of products of gradients: single or double.")
  var precision: CurvatureOptions.Precision = .single

  @Option(help: "Threads; all cores by default.")
  var threads: Int?

  @Flag(name: .shortAndLong, help: "No progress bar, no notes; results and errors only.")
  var quiet = false

  func validate() throws {
    if let threads, threads < 1 {
      throw ValidationError("--threads \(threads): use a number from 1 up")
    }
  }

  /// The library's options; also sets the number of threads.
  func curvatureOptions(
    certifies: Bool, expectedQueries: Int? = nil
  ) throws -> CurvatureOptions {
    try damping.validate()
    if let threads { Parallelism.threads = threads }
    return CurvatureOptions(
      damping: damping, costModel: CostModel(request: side, expectedQueries: expectedQueries),
      certifies: certifies, precision: precision)
  }
}

extension Damping: ExpressibleByArgument {
  /// Reads `0.1` or `absolute:1e-3`.
  public init?(argument: String) { self.init(argument) }
  /// As it would be typed.
  public var defaultValueDescription: String { description }
}

extension CostModel.Request: ExpressibleByArgument {}
extension CurvatureOptions.Precision: ExpressibleByArgument {}
extension ScoreConvention: ExpressibleByArgument {}
extension Aggregation: ExpressibleByArgument {}
