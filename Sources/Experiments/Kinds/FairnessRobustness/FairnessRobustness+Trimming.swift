internal import InfluenceKit

extension FairnessRobustness {
  /// Training again without the lowest-scored rows.
  struct Trimming: Sendable {
    let model: LogisticRegression
    let parts: ExampleParts<GroupedDataSet<Double>>
    let attack: BoundaryAttack
    let training: NewtonSettings
    let budgets: [Double]

    func quality(
      of head: BinaryHead, on examples: GroupedDataSet<Double>
    ) throws -> ClassifierQuality {
      try ClassifierQuality(
        of: head, on: examples, deployed: BinaryHead(model), attack: attack)
    }

    /// The qualities on test and validation examples, one for each budget.
    func curve(_ scores: [Double]) throws -> Curve {
      let qualities = try Parallelism.map(budgets.count) { index in
        let rows = try TrimCurve.rows(removing: budgets[index], scores: scores)
        let head =
          rows.count == scores.count
          ? BinaryHead(model)
          : BinaryHead(
            try model.retrained(on: parts.training.data.selecting(rows), settings: training))
        return (
          test: try quality(of: head, on: parts.test),
          validation: try quality(of: head, on: parts.validation)
        )
      }
      return Curve(
        test: Qualities(qualities.map(\.test)), validation: Qualities(qualities.map(\.validation)))
    }
  }
}
