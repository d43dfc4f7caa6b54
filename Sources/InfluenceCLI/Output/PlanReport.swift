import InfluenceKit
import Reporting

/// Plans for people and for programs.
struct PlanReport {
  let shape: RunShape
  let estimators: [any Estimator]
  let options: CurvatureOptions
  let calibration: MachineCalibration?
  /// The store's path; nil for a shape that was typed.
  let source: String?

  /// One way to run one method.
  struct Route {
    let name: String
    let plan: RunPlan
    let isPicked: Bool
  }

  /// The route that the cost model takes, and all blocks on each side.
  func routes(of estimator: any Estimator) -> [Route] {
    let picked = RunPlan(shape, estimators: [estimator], options: options)
    let sides = Set(picked.choices[0].compactMap { $0?.side })
    let only = sides.count == 1 ? sides.first : nil
    let pickedRoute = Route(
      name: only?.rawValue ?? (sides.isEmpty ? "none" : "mixed"), plan: picked, isPicked: true)
    let others = [CostModel.Request.score, .query].filter { $0.rawValue != only?.rawValue }
    return [pickedRoute]
      + others.map {
        Route(
          name: $0.rawValue, plan: picked.alternative(on: $0, estimators: [estimator]),
          isPicked: false)
      }
  }

  /// Why blocks are where they are: each reason with the number of its blocks.
  func reasons(of plan: RunPlan) -> [(side: Side?, reason: String, blocks: Int)] {
    var reasons: [(side: Side?, reason: String, blocks: Int)] = []
    for choice in plan.choices[0] {
      let reason = choice?.reason ?? "dead: all training gradients are zero"
      if let index = reasons.firstIndex(where: { $0.side == choice?.side && $0.reason == reason }) {
        reasons[index].blocks += 1
      } else {
        reasons.append((choice?.side, reason, 1))
      }
    }
    return reasons
  }

  /// Prints the plans, and why they are so.
  func printAll() throws {
    Console.print(summary)
    if let calibration { Console.print(Self.line(calibration)) }
    let found = estimators.map { routes(of: $0) }
    let notes = zip(estimators, found).flatMap { estimator, routes in
      routes.filter(\.isPicked).flatMap { reasons(of: $0.plan) }.map { side, reason, blocks in
        "\(estimator.name): \(Counted(blocks, "block")), \(side.map { "\($0.rawValue) side" } ?? "left out"): \(reason)"
      }
    }
    Console.print("")
    Console.print(try table(of: found.flatMap { $0 }))
    let isAnyOver = found.joined().contains { $0.plan.starts && !$0.plan.fits }
    Console.print(
      ["", "* taken by the cost model; the others are its alternatives"]
        + (isAnyOver
          ? ["over: a run starts, and may take up to 67 MB more than --memory says"] : [])
        + notes)
  }

  private var summary: String {
    let types = Set(shape.elementTypes.map(\.name)).sorted().joined(separator: ", ")
    let place = source.map { "\($0): " } ?? ""
    return
      "\(place)\(shape.exampleCount) rows × \(shape.layout.columnCount) columns in \(Counted(shape.layout.count, "block")), \(types), \(NumberFormat.bytes(shape.storeBytes)); \(Counted(shape.queryCount, "query", "queries")); memory \(NumberFormat.bytes(options.memoryBudget))"
  }

  private static func line(_ calibration: MachineCalibration) -> String {
    func giga(_ rate: Double) -> String { NumberFormat.significant(rate / 1e9) }
    let disk =
      calibration.disk.map {
        "disk \(giga($0.bytesPerSecond)) GB/s\($0.isCold ? "" : " (perhaps from memory)")"
      } ?? "disk not measured"
    return
      "this machine: \(giga(calibration.singleRate)) GFLOP/s single, \(giga(calibration.doubleRate)) double, \(giga(calibration.skinnyRate)) for ten rows; memory \(giga(calibration.memoryRate)) GB/s, \(disk)"
  }

  /// Whether a run keeps to its budget: with all blocks in memory, with some at a time, or not.
  private static func verdict(on plan: RunPlan) -> String {
    guard plan.starts else { return "no" }
    guard plan.fits else { return "over" }
    return plan.keepsBlocks ? "yes" : "in turn"
  }

  private func table(of routes: [Route]) throws -> Table {
    try Table(
      of: routes,
      .text("Method") { $0.plan.methods[0] },
      .text("Side") { $0.name },
      .text("") { $0.isPicked ? "*" : "" },
      .number("Reads", .bytes) { $0.plan.bytesRead },
      .number("Passes", .decimals(1)) { $0.plan.passes },
      .number("Operations", .significant(digits: 3)) { $0.plan.operations },
      .field("Matrices", .bytes) { .integer($0.plan.gramBytes) },
      .field("Memory", .bytes) { .integer($0.plan.peakBytes) },
      .text("Fits") { Self.verdict(on: $0.plan) },
      calibration.map { machine in
        .number("Time", .seconds) { machine.time(of: $0.plan).seconds }
      },
      calibration.map { machine in
        .number("Cached", .seconds) { machine.time(of: $0.plan, isCached: true).seconds }
      },
      calibration.map { machine in
        .field("Limits") {
          .text(
            machine.time(of: $0.plan).stages.map { "\($0.stage.rawValue) \($0.limit.rawValue)" }
              .joined(separator: ", "))
        }
      })
  }
}
