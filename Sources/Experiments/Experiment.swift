package import InfluenceKit
package import OrderedCollections

/// A question that is answered by computing: what it may be told, what it computes, what it concludes.
///
/// An experiment is cut into cells, each computed alone, in any run, and kept: one for each seed, or one for
/// each seed and each point of a grid. Its report is made from the cells' results alone, so that a run that
/// was killed and resumed reports the same as one that was not.
package protocol Experiment: Sendable {
  /// What differs between the cells of one seed, such as a rank.
  associatedtype Point: Hashable & Sendable = WholeSeed
  /// What a cell has computed, the same whenever that is; no times. It is written to the cell's file as JSON.
  associatedtype Result: Codable & Sendable
  /// What was measured on the machine while a cell was computed: seconds, bytes.
  associatedtype Costs: Codable & Sendable = Never

  /// Its name in files, such as `mislabelled-data`.
  static var kind: String { get }
  /// The question, in one line without a full stop.
  static var summary: String { get }
  /// Where it comes from: papers, sections, figures; one line.
  static var source: String { get }
  /// What a file may say of it.
  static var settings: [Setting] { get }

  /// Checks what single settings cannot show, and opens the data.
  ///
  /// - Throws: ``ExperimentError``, or an error from reading data; before any work.
  init(_ settings: Settings) throws

  /// The data that it reads: a name, and a fingerprint of the contents, for each.
  var inputs: OrderedDictionary<String, String> { get }
  /// The points at which each seed is computed, in their order.
  var points: [Point] { get }
  /// The name of a point: letters, digits, `-`, `.`, and `/` for levels; nil where the seed says all.
  func name(of point: Point) -> String?
  /// Computes a cell, from nothing but the settings, the inputs, the seed and the point.
  func compute(
    seed: UInt64, at point: Point, _ context: CellContext
  ) throws -> CellResult<Self>
  /// The lists of a result whose lengths are known; none unless said.
  ///
  /// A kept result with a list of another length is refused, as it was edited.
  func lists(of result: Result) -> [ResultList]
  /// What the results say.
  ///
  /// - Throws: `EvaluationError`, or an error from making pictures.
  func report(_ results: ExperimentResults<Self>) throws -> ExperimentReport
}

/// The only point of an experiment whose cells are whole seeds.
package enum WholeSeed: Sendable {
  case all
}

extension Experiment where Point == WholeSeed {
  package var points: [WholeSeed] { [.all] }
  package func name(of point: WholeSeed) -> String? { nil }
}

extension Experiment {
  package func lists(of result: Result) -> [ResultList] { [] }

  /// The name of a cell, which no other cell has: `seed-3/rank-4`.
  func cellName(seed: UInt64, _ point: Point) -> String {
    "seed-\(seed)" + (name(of: point).map { "/\($0)" } ?? "")
  }
}

package struct CellContext: Sendable {
  /// Takes what is being done, and the share of the cell that is done.
  package let progress: ProgressHandler
}

/// What a cell of an experiment leaves.
package struct CellResult<Kind: Experiment>: Sendable {
  /// What is the same whenever it is computed.
  let values: Kind.Result
  /// What was measured on the machine; nil where nothing was.
  let costs: Kind.Costs?
  /// Scores of training examples, which become files of their own.
  let scores: [CellScores]

  package init(_ values: Kind.Result, costs: Kind.Costs? = nil, scores: [CellScores] = []) {
    self.values = values
    self.costs = costs
    self.scores = scores
  }
}

package struct ExperimentResults<Kind: Experiment>: Sendable {
  struct Cell: Hashable {
    let seed: UInt64
    let point: Kind.Point
  }

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
  package var values: [Kind.Result] { values(at: .all) }

  /// A number of each seed's cell; what a seed does not have makes the statistic fail.
  ///
  /// - Throws: `EvaluationError` where a number is missing or not finite.
  func statistic(_ value: (Kind.Result) -> Double?) throws -> SeedStatistic {
    try statistic(at: .all, value)
  }
}
