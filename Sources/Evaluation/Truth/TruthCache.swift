internal import Data
public import Foundation
internal import Models
internal import TensorFiles

/// A folder that keeps what retrained models said, one small file a model.
///
/// A file's name is the fingerprint of all that the outcome depends on: the data's and queries'
/// fingerprints, recipe, rows, weights and seed; all of that stands in the file too and is compared. So a
/// change of anything asks for another file, and nothing is ever out of date. Files are written whole or
/// not at all, so a run may be killed at any moment. A damaged file is trained again, and that is said.
///
/// Outcomes are those of the machine and version that trained them: to the last bit, others may differ.
/// A folder can be copied, and several folders merged by copying files.
public struct TruthCache: Sendable {
  /// Where the files are.
  public let folder: URL

  /// Opens a folder, and makes it where it is missing.
  ///
  /// - Throws: An error of the file system.
  public init(folder: URL) throws {
    self.folder = folder
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  }

  /// The file of a key.
  func file(for key: OrderedJSON) throws -> URL {
    folder.appendingPathComponent("\(ContentHash(of: try key.serialized())).json")
  }

  /// What is kept for a key, or else why a file of that name cannot be used.
  ///
  /// - Parameter count: How many queries the outcome must have.
  func outcome(
    for key: OrderedJSON, queries count: Int
  ) throws -> (outcome: RetrainingOutcome?, note: String?) {
    let file = try file(for: key)
    let kept: SealedJSON
    do throws(TensorFileError) {
      kept = try SealedJSON(contentsOf: file)
    } catch .notFound {
      return (nil, nil)
    } catch {
      return (nil, "\(error); trained again")
    }
    guard kept.content["key"] == key else {
      return (nil, "\(file.path): kept for another model; trained again")
    }
    guard kept.isSealed, let outcome = Self.outcome(in: kept.content),
      outcome.losses.count == count
    else {
      return (nil, "\(file.path): damaged; trained again")
    }
    return (outcome, nil)
  }

  /// Keeps an outcome.
  func keep(_ outcome: RetrainingOutcome, for key: OrderedJSON) throws {
    let file = try file(for: key)
    let content: OrderedJSON = [
      "key": key, "losses": .array(outcome.losses.map { .number($0) }),
      "margins": .array(outcome.margins.map { .number($0) }),
      "predictions": .array(outcome.predictions.map { .integer($0) }),
    ]
    try AtomicFile.write(content.sealed(path: file.path).serialized(), to: file)
  }

  /// The outcome of a file's content; nil where it is not whole.
  private static func outcome(in content: OrderedJSON) -> RetrainingOutcome? {
    guard let losses = content["losses"]?.array?.compactMap(\.number),
      let margins = content["margins"]?.array?.compactMap(\.number),
      let predictions = content["predictions"]?.array?.compactMap(\.integer),
      margins.count == predictions.count, [0, losses.count].contains(margins.count)
    else { return nil }
    return RetrainingOutcome(losses: losses, margins: margins, predictions: predictions)
  }
}
