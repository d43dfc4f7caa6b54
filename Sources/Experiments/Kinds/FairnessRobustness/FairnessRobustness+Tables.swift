internal import Algorithms
internal import Reporting

extension FairnessRobustness {
  private func chosenBudget(
    _ result: Result, _ kind: FunctionalQuery.Kind, _ method: String
  ) -> Int {
    let target = Target(kind)
    let values = curve(
      result, kind, method, { target.curve($0.validation) }, { target.isGap ? -abs($0) : $0 })
    // Of equals the smallest budget.
    return values.indices.max { (values[$0], -$0) < (values[$1], -$1) } ?? 0
  }

  /// Before trimming, and at the budget that is best on the validation examples.
  func chosenTable(_ results: ExperimentResults<Self>, _ names: [String]) throws -> Table {
    func after(
      _ kind: FunctionalQuery.Kind, _ name: String, _ numbers: (Qualities) -> [Double],
      isGap: Bool = false
    ) throws -> SeedStatistic {
      try results.statistic { result in
        curve(
          result, kind, name, { numbers($0.test) }, { isGap ? abs($0) : $0 })[
            chosenBudget(result, kind, name)]
      }
    }
    return try Table(
      of: product(FunctionalQuery.Kind.allCases, names),
      .text("trimmed for") { kind, _ in kind.rawValue }, .text("method") { $1 },
      .text("measure") { kind, _ in Target(kind).name },
      .statistic("before") { try target(results, $0, $1, 0) },
      .statistic("after") { kind, name in
        try after(kind, name, Target(kind).curve, isGap: Target(kind).isGap)
      },
      .statistic("accuracy after") { try after($0, $1, \.accuracy) },
      .number("mean budget", .decimals(3)) { kind, name in
        let chosen = results.values.map { budgets[chosenBudget($0, kind, name)] }
        return chosen.reduce(0, +) / Double(chosen.count)
      })
  }

  /// Every functional, method and budget.
  func budgetTable(_ results: ExperimentResults<Self>, _ names: [String]) throws -> Table {
    let rows = product(FunctionalQuery.Kind.allCases, names).flatMap { kind, name in
      budgets.indices.map { (kind: kind, name: name, budget: $0) }
    }
    return try Table(
      of: rows,
      .text("trimmed for") { $0.kind.rawValue }, .text("method") { $0.name },
      .number("budget", .decimals(3)) { budgets[$0.budget] },
      .statistic("measure") { try target(results, $0, $1, $2) },
      .statistic("accuracy") { try statistic(results, $0, $1, \.accuracy, $2) },
      .statistic("log loss") { try statistic(results, $0, $1, \.logLoss, $2) },
      .statistic("attack distance") { try statistic(results, $0, $1, \.attackDistance, $2) },
      .number("overshoot", .decimals(2)) { overshoot(results, $0, $1, $2) })
  }
}
