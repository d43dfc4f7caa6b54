import ArgumentParser
import Foundation
import InfluenceKit

/// Options that make several stores one: checkpoints with weights, or members that are averaged.
///
/// A method that follows queries through a training takes checkpoints as the ends of its segments.
struct EnsembleOptions: ParsableArguments {
  @Option(
    name: .customLong("checkpoint"), parsing: .singleValue,
    help: ArgumentHelp(
      "A folder with train and query of one checkpoint, and its weight; give it several times, in the order of training.",
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

  /// The folders of all members, with their weights; nil where none is given.
  func folders() throws -> [(folder: URL, weight: Double?)] {
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
      guard let colon = text.lastIndex(of: ":") else { return (URL(filePath: text), nil) }
      let ending = String(text[text.index(after: colon)...])
      guard let weight = Double(ending) else {
        if FileManager.default.fileExists(atPath: text) { return (URL(filePath: text), nil) }
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
  ///   - estimator: The method; one that follows a training takes checkpoints as its segments, with the queries of the last.
  ///   - fit: How blocks are grouped.
  ///   - needsQueries: Whether queries are opened; training gradients stand in for them otherwise.
  func ensemble(
    for estimator: any Estimator, _ fit: FitOptions, needsQueries: Bool = true
  ) throws -> ScoreEnsemble {
    let folders = try folders()
    func store(_ folder: URL, _ part: String) throws -> GradientStore {
      try fit.store(at: folder.appending(path: part).path)
    }
    if members == nil, try estimator.segment(lasting: 1) != nil, let last = folders.last {
      return try segments(
        folders.map { (try store($0.folder, "train"), $0.weight) },
        queries: needsQueries ? store(last.folder, "query") : nil, for: estimator)
    }
    return try ScoreEnsemble(
      try folders.map { folder, weight in
        let training = try store(folder, "train")
        return ScoreEnsemble.Member(
          weight: weight ?? 1, training: training,
          queries: needsQueries ? try store(folder, "query") : training)
      })
  }

  /// Checkpoints as the ends of a training's segments; times that are not given follow from the optimizers.
  private func segments(
    _ checkpoints: [(training: GradientStore, time: Double?)], queries: GradientStore?,
    for estimator: any Estimator
  ) throws -> ScoreEnsemble {
    let given = checkpoints.compactMap(\.time)
    guard given.isEmpty || given.count == checkpoints.count else {
      throw Failure.usage(
        "--checkpoint: \(given.count) of \(checkpoints.count) have a weight; give each the sum of the learning rates since the one before, or none, so that the optimizers' are taken"
      )
    }
    let times =
      given.isEmpty
      ? try ScoreEnsemble.timesOfSegments(
        endingAt: checkpoints.map(\.training), for: estimator.name) : given
    return try ScoreEnsemble(
      zip(checkpoints, times).map {
        ScoreEnsemble.Member(
          weight: $1, training: $0.training, queries: queries ?? $0.training)
      }, as: .segments)
  }
}
