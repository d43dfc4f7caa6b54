import ArgumentParser
import Foundation
import InfluenceKit

/// Options that make several stores one: checkpoints with weights, or members that are averaged.
struct EnsembleOptions: ParsableArguments {
  @Option(
    name: .customLong("checkpoint"), parsing: .singleValue,
    help: ArgumentHelp(
      "A folder with train and query of one checkpoint, and its weight; give it several times.",
      valueName: "folder[:weight]"))
  var checkpoints: [String] = []
  @Option(
    "A folder of members 0, 1, ..., each with train and query, whose scores are averaged.",
    value: "folder")
  var members: String?

  var isGiven: Bool { !checkpoints.isEmpty || members != nil }

  func validate() throws {
    if !checkpoints.isEmpty, members != nil {
      throw ValidationError("--checkpoint and --members are two ensembles: give one of them")
    }
  }

  /// The folders of all members, with their weights.
  func folders() throws -> [(folder: URL, weight: Double)] {
    if let members {
      let url = URL(filePath: members)
      guard FileManager.default.isFolder(atPath: url.path) else {
        throw Failure.noInput("\(members): there is no such folder")
      }
      let names = try FileManager.default.contentsOfDirectory(atPath: url.path)
        .compactMap { Int($0) }.sorted()
      guard !names.isEmpty else {
        throw Failure.data(
          "\(members): it holds no members 0, 1, ...; write them with `influence gradients --dropout-members`"
        )
      }
      return names.map { (url.appending(path: "\($0)"), 1 / Double(names.count)) }
    }
    return try checkpoints.map { text in
      // The last colon with a number after it; a path may have others.
      guard let colon = text.lastIndex(of: ":") else { return (URL(filePath: text), 1) }
      let ending = String(text[text.index(after: colon)...])
      guard let weight = Double(ending) else {
        if FileManager.default.fileExists(atPath: text) { return (URL(filePath: text), 1) }
        throw Failure.usage(
          "--checkpoint \(text): '\(ending)' is not a number; write FOLDER:WEIGHT, such as run/epoch-3:1e-3"
        )
      }
      return (URL(filePath: String(text[..<colon])), weight)
    }
  }

  /// Opens all members.
  ///
  /// - Parameters:
  ///   - fit: How blocks are grouped.
  ///   - needsQueries: Whether queries are opened; training gradients stand in for them otherwise.
  func ensemble(_ fit: FitOptions, needsQueries: Bool = true) throws -> ScoreEnsemble {
    try ScoreEnsemble(
      try folders().map { folder, weight in
        let training = try fit.store(at: folder.appending(path: "train").path)
        return ScoreEnsemble.Member(
          weight: weight, training: training,
          queries: needsQueries
            ? try fit.store(at: folder.appending(path: "query").path) : training)
      })
  }
}
