import Foundation
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

  var text: String {
    var lines = [summary]
    if let calibration { lines += [Self.line(calibration)] }
    var columns: [Table.Column] = [
      .init("Method", .text), .init("Side", .text), .init("", .text), .init("Reads", .bytes),
      .init("Passes", .decimals(1)), .init("Operations", .significant(digits: 3)),
      .init("Matrices", .bytes), .init("Memory", .bytes), .init("Fits", .text),
    ]
    if calibration != nil {
      columns += [.init("Time", .seconds), .init("Cached", .seconds), .init("Limits", .text)]
    }
    var table = Table(columns: columns)
    var notes: [String] = []
    for estimator in estimators {
      for route in routes(of: estimator) {
        table.append(cells(of: route))
        guard route.isPicked else { continue }
        for (side, reason, blocks) in reasons(of: route.plan) {
          notes.append(
            "\(estimator.name): \(blocks) \(blocks == 1 ? "block" : "blocks"), \(side.map { "\($0.rawValue) side" } ?? "left out"): \(reason)"
          )
        }
      }
    }
    lines += ["", String(table.plainText().dropLast())]
    lines += ["", "* taken by the cost model; the others are its alternatives"] + notes
    return lines.map { "\($0)\n" }.joined()
  }

  private var summary: String {
    let types = Set(shape.elementTypes.map(\.name)).sorted().joined(separator: ", ")
    let place = source.map { "\($0): " } ?? ""
    return
      "\(place)\(shape.exampleCount) rows × \(shape.layout.columnCount) columns in \(shape.layout.count) \(shape.layout.count == 1 ? "block" : "blocks"), \(types), \(NumberFormat.bytes(shape.storeBytes)); \(shape.queryCount) \(shape.queryCount == 1 ? "query" : "queries"); memory \(NumberFormat.bytes(options.memoryBudget))"
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

  private func cells(of route: Route) -> [Table.Cell] {
    let plan = route.plan
    var cells: [Table.Cell] = [
      .text(plan.methods[0]), .text(route.name), .text(route.isPicked ? "*" : ""),
      .number(plan.bytesRead), .number(plan.passes), .number(plan.operations),
      .integer(plan.gramBytes), .integer(plan.peakBytes),
      .text(plan.fits ? (plan.keepsBlocks ? "yes" : "in turn") : "no"),
    ]
    if let calibration {
      let time = calibration.time(of: plan)
      cells += [
        .number(time.seconds), .number(calibration.time(of: plan, isCached: true).seconds),
        .text(
          time.stages.map { "\($0.stage.rawValue) \($0.limit.rawValue)" }.joined(separator: ", ")),
      ]
    }
    return cells
  }
}
