public import Foundation
public import TensorFiles

/// Where scores are written, and how much of them.
///
///     try curvature.score(queries, into: .array(at: url))
///
/// A record stands beside the file, under its whole name and `.json`; see ``RecordDetails``.
public struct ScoreDestination: Sendable {
  /// How much of the scores is written.
  public enum Form: Sendable, Equatable {
    /// All scores: a `.npy` array of float32, `m × n`.
    case array
    /// Each block's share of all scores: a `.npy` array of float32, `m × n × blocks`.
    case blockShares
    /// The k most helpful and the k most harmful training examples of each query, with their ids and texts: a `.csv`
    /// table with one line per example, as ``TopTable`` reads it.
    case top(Int)
  }

  /// How much is written.
  public let form: Form
  /// The file, and the record beside it.
  public let file: RecordedFile
  /// The texts of the training examples, one per row, for a last column of the top of scores; none unless given.
  public var exampleTexts: [String]?

  /// Chooses a form and a file.
  ///
  /// - Parameters:
  ///   - form: How much is written; of the top of scores, at least one example.
  ///   - file: The file, and the record beside it.
  public init(_ form: Form, in file: RecordedFile) {
    if case .top(let count) = form { precondition(count > 0, "the top \(count) of scores") }
    self.form = form
    self.file = file
  }

  /// All scores as a `.npy` array.
  public static func array(at url: URL) -> ScoreDestination {
    ScoreDestination(.array, in: RecordedFile(at: url))
  }

  /// Each block's share of all scores as a `.npy` array.
  public static func blockShares(at url: URL) -> ScoreDestination {
    ScoreDestination(.blockShares, in: RecordedFile(at: url))
  }

  /// The most extreme examples of each query as a `.csv` table.
  ///
  /// - Parameters:
  ///   - count: k, the number of most helpful and of most harmful examples of each query; at least 1.
  ///   - url: The table.
  public static func top(_ count: Int, at url: URL) -> ScoreDestination {
    ScoreDestination(.top(count), in: RecordedFile(at: url))
  }
}
