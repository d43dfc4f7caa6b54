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
    var table = Table(
      columns: [.init("trimmed for"), .init("method"), .init("measure")]
        + SeedStatistic.columns("before") + SeedStatistic.columns("after")
        + SeedStatistic.columns("accuracy after") + [.init("mean budget", .decimals(3))])
    for kind in FunctionalQuery.Kind.allCases {
      let target = Target(kind)
      for name in names {
        let budgets = results.values.map { chosenBudget($0, kind, name) }
        func after(_ numbers: (Qualities) -> [Double], isGap: Bool) throws -> SeedStatistic {
          try SeedStatistic(
            zip(results.values, budgets).map { result, budget in
              curve(
                result, kind, name, { numbers($0.test) }, { isGap ? abs($0) : $0 })[budget]
            })
        }
        let share = budgets.map { self.budgets[$0] }.reduce(0, +) / Double(budgets.count)
        table.append(
          [.text(kind.rawValue), .text(name), .text(target.name)]
            + (try self.target(results, kind, name, 0).cells)
            + (try after(target.curve, isGap: target.isGap).cells)
            + (try after(\.accuracy, isGap: false).cells) + [.number(share)])
      }
    }
    return table
  }

  /// Every functional, method and budget.
  func budgetTable(_ results: ExperimentResults<Self>, _ names: [String]) throws -> Table {
    var table = Table(
      columns: [.init("trimmed for"), .init("method"), .init("budget", .decimals(3))]
        + SeedStatistic.columns("measure") + SeedStatistic.columns("accuracy")
        + SeedStatistic.columns("log loss")
        + SeedStatistic.columns("attack distance") + [.init("overshoot", .decimals(2))])
    for kind in FunctionalQuery.Kind.allCases {
      for name in names {
        for (index, budget) in budgets.enumerated() {
          table.append(
            [.text(kind.rawValue), .text(name), .number(budget)]
              + (try target(results, kind, name, index).cells)
              + (try statistic(results, kind, name, \.accuracy, index).cells)
              + (try statistic(results, kind, name, \.logLoss, index).cells)
              + (try statistic(results, kind, name, \.attackDistance, index).cells)
              + [.number(overshoot(results, kind, name, index))])
        }
      }
    }
    return table
  }
}
