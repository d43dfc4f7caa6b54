import InfluenceKit

extension PlanReport {
  /// The whole plan, every route with its stages.
  var json: OrderedJSON {
    [
      "format": "influencekit-plan",
      "version": 1,
      "train": .text(source),
      "rows": .integer(shape.exampleCount),
      "columns": .integer(shape.layout.columnCount),
      "blocks": .integer(shape.layout.count),
      "queries": .integer(shape.queryCount),
      "dtype": .string(Set(shape.elementTypes.map(\.name)).sorted().joined(separator: "+")),
      "store_bytes": .integer(shape.storeBytes),
      "precision": .string(options.precision.rawValue),
      "certificate": .boolean(options.certifies),
      "memory_budget": .integer(options.memoryBudget),
      "machine": calibration.map { Self.json($0) } ?? .null,
      "methods": .array(
        estimators.map { estimator in
          [
            "method": .string(estimator.name),
            "settings": .settings(estimator.settings),
            "routes": .array(routes(of: estimator).map { json($0) }),
          ]
        }),
    ]
  }

  private static func json(_ calibration: MachineCalibration) -> OrderedJSON {
    [
      "single_operations_per_second": .number(calibration.singleRate),
      "double_operations_per_second": .number(calibration.doubleRate),
      "skinny_operations_per_second": .number(calibration.skinnyRate),
      "memory_bytes_per_second": .number(calibration.memoryRate),
      "disk_bytes_per_second": .finite(calibration.disk?.bytesPerSecond),
      "disk_is_cold": calibration.disk.map { .boolean($0.isCold) } ?? .null,
      "seconds": .number(calibration.seconds),
    ]
  }

  private func json(_ route: Route) -> OrderedJSON {
    let plan = route.plan
    let time = calibration?.time(of: plan)
    let cached = calibration?.time(of: plan, isCached: true)
    return [
      "side": .string(route.name),
      "picked": .boolean(route.isPicked),
      "reasons": .array(
        reasons(of: plan).map {
          [
            "side": .text($0.side?.rawValue), "blocks": .integer($0.blocks),
            "reason": .string($0.reason),
          ]
        }),
      "bytes_read": .number(plan.bytesRead),
      "passes": .number(plan.passes),
      "operations": .number(plan.operations),
      "matrix_bytes": .integer(plan.gramBytes),
      "norm_bytes": .integer(plan.normBytes),
      "score_bytes": .integer(plan.scoreBytes),
      "buffer_bytes": .integer(plan.bufferBytes),
      "peak_bytes": .integer(plan.peakBytes),
      "fits": .boolean(plan.fits),
      "starts": .boolean(plan.starts),
      "keeps_blocks": .boolean(plan.keepsBlocks),
      "queries_at_a_time": .integer(plan.queriesAtATime),
      "examples_at_a_time": plan.examplesAtATime.map { .integer($0) } ?? .null,
      "seconds": .finite(time?.seconds),
      "seconds_cached": .finite(cached?.seconds),
      "stages": .array(
        plan.stages.enumerated().map { index, stage in
          [
            "stage": .string(stage.name.rawValue),
            "bytes_read": .number(stage.storeBytes),
            "memory_bytes": .number(stage.memoryBytes),
            "operations": .number(stage.operations),
            "seconds": .finite(time?.stages[index].seconds),
            "limit": .text(time?.stages[index].limit.rawValue),
            "seconds_cached": .finite(cached?.stages[index].seconds),
            "limit_cached": .text(cached?.stages[index].limit.rawValue),
          ]
        }),
    ]
  }
}
