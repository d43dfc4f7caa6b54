internal import InfluenceKit
internal import OrderedCollections

extension InfluentialSubsets {
  /// The effects of one regression's sets.
  struct Effects {
    let model: WatchedRegression.Kind
    private let names: [String]
    /// The searches' results: seed by seed, point by point.
    private let points: [[Watched]]
    /// `winning[place][seed]`: one number for each search.
    private let winning: [[[Double]]]

    init(
      _ results: ExperimentResults<InfluentialSubsets>, _ experiment: InfluentialSubsets,
      _ model: WatchedRegression.Kind
    ) throws {
      self.model = model
      let names = experiment.searches + [random]
      self.names = names
      let points = results.values(at: model).map(\.points)
      self.points = points
      winning = try experiment.sizes.indices.map { place in
        try points.map { points in
          try WinningRate(
            results: Matrix(
              rows: points.count, columns: names.count,
              elements: points.flatMap { point in
                names.map { Self.number(point, $0, place, \.actual) }
              })
          ).shares
        }
      }
    }

    func rate(_ name: String, _ place: Int) throws -> SeedStatistic {
      let search = names.firstIndex(of: name) ?? 0
      return try SeedStatistic(winning[place].map { $0[search] })
    }

    func all(_ name: String, _ place: Int, _ numbers: (Search) -> [Double]?) -> [Double] {
      points.flatMap { $0.map { Self.number($0, name, place, numbers) } }
    }

    func statistic(
      _ name: String, _ place: Int, _ numbers: (Search) -> [Double]? = \.actual
    ) throws -> SeedStatistic {
      try SeedStatistic(
        points.map { points in
          points.reduce(0) { $0 + Self.number($1, name, place, numbers) } / Double(points.count)
        })
    }

    private static func number(
      _ point: Watched, _ name: String, _ place: Int, _ numbers: (Search) -> [Double]?
    ) -> Double {
      let found = point.searches[name].flatMap(numbers) ?? []
      return found.indices.contains(place) ? found[place] : .nan
    }
  }
}
