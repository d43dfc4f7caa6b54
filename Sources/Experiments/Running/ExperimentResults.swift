internal import OrderedCollections

/// The results of all cells of a run.
package struct ExperimentResults<Kind: Experiment>: Sendable {
  /// Where a cell stands.
  struct Cell: Hashable {
    let seed: UInt64
    let point: Kind.Point
  }

  /// The seeds of the run.
  package let seeds: [UInt64]
  /// Whether the run has the small size, for which checks may ask less.
  package let isQuick: Bool
  private let cells: OrderedDictionary<Cell, CellResult<Kind>>

  init(
    seeds: [UInt64], isQuick: Bool, cells: OrderedDictionary<Cell, CellResult<Kind>>
  ) {
    self.seeds = seeds
    self.isQuick = isQuick
    self.cells = cells
  }

  /// The values of all cells, in the order in which they are computed.
  var all: [Kind.Result] { cells.values.map(\.values) }

  /// The values of a cell.
  subscript(seed: UInt64, point: Kind.Point) -> Kind.Result { cell(seed, point).values }

  /// The values at a point, one for each seed.
  package func values(at point: Kind.Point) -> [Kind.Result] { seeds.map { self[$0, point] } }

  /// What was measured at a point, for each seed for which something was.
  func costs(at point: Kind.Point) -> [Kind.Costs] { seeds.compactMap { cell($0, point).costs } }

  /// A number of each seed's cell at a point; what a seed does not have makes the statistic fail.
  ///
  /// - Throws: `EvaluationError` where a number is missing or not finite.
  func statistic(
    at point: Kind.Point, _ value: (Kind.Result) -> Double?
  ) throws -> SeedStatistic {
    try SeedStatistic(values(at: point).map { value($0) ?? .nan })
  }

  private func cell(_ seed: UInt64, _ point: Kind.Point) -> CellResult<Kind> {
    guard let cell = cells[Cell(seed: seed, point: point)] else {
      preconditionFailure("there is no cell of seed \(seed) at \(point)")
    }
    return cell
  }
}

extension ExperimentResults where Kind.Point == WholeSeed {
  /// The values of each seed.
  package var values: [Kind.Result] { values(at: .all) }

  /// A number of each seed's cell; what a seed does not have makes the statistic fail.
  ///
  /// - Throws: `EvaluationError` where a number is missing or not finite.
  func statistic(_ value: (Kind.Result) -> Double?) throws -> SeedStatistic {
    try statistic(at: .all, value)
  }
}
