internal import Reporting
internal import TensorFiles

extension FairnessRobustness {
  private func chosenBudget(_ cell: OrderedJSON, _ kind: FunctionalQuery.Kind, _ method: String)
    -> Int
  {
    let target = Target(kind)
    let values = curve(cell, kind, method, "validation", target.key) {
      target.isGap ? -abs($0) : $0
    }
    // Of equals the smallest budget.
    return values.indices.max { (values[$0], -$0) < (values[$1], -$1) } ?? 0
  }

  /// Before trimming, and at the budget that is best on the validation examples.
  func chosenTable(_ results: ExperimentResults, _ names: [String]) throws -> Table {
    var table = Table(
      columns: [.init("trimmed for"), .init("method"), .init("measure")]
        + SeedStatistic.columns("before") + SeedStatistic.columns("after")
        + SeedStatistic.columns("accuracy after") + [.init("mean budget", .decimals(3))])
    for kind in FunctionalQuery.Kind.allCases {
      let target = Target(kind)
      for name in names {
        let cells = results.seeds.map { results[Self.cell($0)] }
        let budgets = cells.map { chosenBudget($0, kind, name) }
        func after(_ key: String, isGap: Bool) throws -> SeedStatistic {
          try SeedStatistic(
            zip(cells, budgets).map { cell, budget in
              curve(cell, kind, name, "test", key) { isGap ? abs($0) : $0 }[budget]
            })
        }
        let share = budgets.map { self.budgets[$0] }.reduce(0, +) / Double(budgets.count)
        table.append(
          [.text(kind.rawValue), .text(name), .text(target.name)]
            + (try self.target(results, kind, name, 0).cells)
            + (try after(target.key, isGap: target.isGap).cells)
            + (try after("accuracy", isGap: false).cells) + [.number(share)])
      }
    }
    return table
  }

  /// Every functional, method and budget.
  func budgetTable(_ results: ExperimentResults, _ names: [String]) throws -> Table {
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
              + (try statistic(results, kind, name, "accuracy", index).cells)
              + (try statistic(results, kind, name, "log_loss", index).cells)
              + (try statistic(results, kind, name, "attack_distance", index).cells)
              + [.number(overshoot(results, kind, name, index))])
        }
      }
    }
    return table
  }
}
