public import Influence
public import OrderedCollections
public import TensorFiles

/// A question that is answered by computing: what it may be told, what it computes, what it concludes.
///
/// An experiment is cut into cells, each computed alone, in any run, and kept: a seed, usually, or a
/// point of a grid for one seed. Its report is made from the cells' results alone, so that a run that
/// was killed and resumed reports the same as one that was not.
public protocol Experiment: Sendable {
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

  /// The data that it reads: a name and a fingerprint of the contents each.
  var inputs: OrderedDictionary<String, String> { get }
  /// The cells for some seeds, in the order in which they are computed.
  func cells(seeds: [UInt64]) -> [ExperimentCell]
  /// What the results say.
  ///
  /// - Throws: `EvaluationError`, or an error from making pictures.
  func report(_ results: ExperimentResults) throws -> ExperimentReport
}

/// A part of an experiment that is computed alone and kept.
public struct ExperimentCell: Sendable {
  /// Its name, unlike those of the others; letters, digits, `-`, `.`, and `/` for levels.
  public let name: String
  /// Computes it.
  public let compute: @Sendable (CellContext) throws -> CellResult

  /// Declares a cell.
  ///
  /// - Parameters:
  ///   - name: Its name, such as `seed-3/rank-4`. With the settings and the inputs it must decide the result.
  ///   - compute: Computes it; must not depend on anything else.
  public init(
    _ name: String, compute: @escaping @Sendable (CellContext) throws -> CellResult
  ) {
    self.name = name
    self.compute = compute
  }
}

/// What a cell is given.
public struct CellContext: Sendable {
  /// Takes what is being done, and the share of the cell that is done.
  public let progress: ProgressHandler
}

/// What a cell leaves.
public struct CellResult: Sendable, Hashable {
  /// What is the same whenever it is computed; no times.
  public var values: OrderedJSON
  /// Seconds, bytes, and whatever else is measured on the machine rather than computed.
  public var costs: OrderedJSON
  /// Scores of training examples, which become files of their own.
  public var scores: [CellScores]

  /// Collects them.
  public init(values: OrderedJSON, costs: OrderedJSON = .null, scores: [CellScores] = []) {
    self.values = values
    self.costs = costs
    self.scores = scores
  }
}

/// Scores of training examples, `rows × n`: `scores/CELL/NAME.npy`, with a `.json` that says what they are.
public struct CellScores: Sendable, Hashable {
  /// The name of the file, without ending.
  public let name: String
  /// What they are, and what a high one means.
  public let about: String
  /// What each row is, such as a method; with its n scores.
  public let rows: OrderedDictionary<String, [Double]>

  /// Names scores; all rows of one length.
  public init(_ name: String, about: String, rows: OrderedDictionary<String, [Double]>) {
    precondition(Set(rows.values.map(\.count)).count <= 1, "\(name): rows of different lengths")
    self.name = name
    self.about = about
    self.rows = rows
  }
}

/// The results of all cells.
public struct ExperimentResults: Sendable {
  /// The seeds of the run.
  public let seeds: [UInt64]
  /// The results by the names of their cells, in the cells' order.
  public let cells: OrderedDictionary<String, CellResult>
  /// Whether it is the small size, for which checks may ask less.
  public let isQuick: Bool

  /// The values of a cell.
  public subscript(cell: String) -> OrderedJSON {
    guard let result = cells[cell] else { preconditionFailure("there is no cell \(cell)") }
    return result.values
  }

  /// The costs of a cell.
  public func costs(_ cell: String) -> OrderedJSON {
    guard let result = cells[cell] else { preconditionFailure("there is no cell \(cell)") }
    return result.costs
  }
}

extension OrderedJSON {
  /// A list of numbers; each must be finite.
  public static func numbers(_ values: [Double]) -> OrderedJSON {
    .array(values.map { .number($0) })
  }

  /// A list of whole numbers.
  public static func integers(_ values: [Int]) -> OrderedJSON {
    .array(values.map { .integer($0) })
  }

  /// A number, or null for nil.
  public static func optional(_ value: Double?) -> OrderedJSON {
    value.map { .number($0) } ?? .null
  }

  /// The number at a path of keys; nil where there is none.
  public func number(at keys: String...) -> Double? { at(keys)?.number }

  /// The numbers of the list at a path of keys; empty where there is none.
  public func numbers(at keys: String...) -> [Double] {
    (at(keys)?.array ?? []).compactMap(\.number)
  }

  private func at(_ keys: [String]) -> OrderedJSON? {
    keys.reduce(Optional(self)) { $0?[$1] }
  }
}
