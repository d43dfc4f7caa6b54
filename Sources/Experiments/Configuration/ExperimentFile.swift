package import Foundation
internal import InfluenceKit
internal import OrderedCollections
internal import Yams

/// A checked description of one experiment: which, on what seeds, with what settings.
///
///     experiment: mislabelled-data      # which; `influence experiment list` has them all
///     title: Wrong labels in digits     # what the summary is called
///     seeds: 20                         # a number of seeds from 0, or a list of them
///     methods: [hessian-free, exact]    # its settings
///     model:
///       hidden: [64]
///     quick:                            # what is different with --quick
///       seeds: 2
///
/// Everything that can be wrong with it is found here, before any work, and named by line and column.
package struct ExperimentFile: Sendable {
  /// The keys that every file may have beside the settings of its experiment.
  package static let commonKeys = ["experiment", "title", "seeds", "quick"]

  package let path: String
  package let experiment: any Experiment.Type
  package let title: String
  /// The seeds, each a repetition.
  package let seeds: [UInt64]
  /// Whether the values under `quick` are in force.
  package let isQuick: Bool
  package let settings: Settings

  /// Reads and checks a file.
  ///
  /// - Parameters:
  ///   - url: The file.
  ///   - overrides: `key=value` as given on the command line; they win over the file.
  ///   - seedCount: The number of seeds, from 0; wins over the file.
  ///   - isQuick: Whether the values under `quick` win over the others of the file.
  /// - Throws: ``ExperimentError`` with the line, the column and the key; `TensorFileError` where the
  ///   file cannot be read.
  package init(
    contentsOf url: URL, overrides: [String] = [], seedCount: Int? = nil, isQuick: Bool = false
  ) throws {
    let map = try MemoryMap(opening: url)
    guard let text = String(bytes: try map.bytes(in: 0..<map.count), encoding: .utf8) else {
      throw ExperimentError.malformed(
        .file(url.relativePath, line: 1, column: 1), problem: "the file is not UTF-8 text")
    }
    try self.init(
      text: text, path: url.relativePath, overrides: overrides, seedCount: seedCount,
      isQuick: isQuick)
  }

  /// Reads and checks the text of a file; see ``init(contentsOf:overrides:seedCount:isQuick:)``.
  package init(
    text: String, path: String, overrides: [String] = [], seedCount: Int? = nil,
    isQuick: Bool = false
  ) throws {
    try self.init(
      text: text, path: path, overrides: overrides, seedCount: seedCount, isQuick: isQuick,
      among: ExperimentCatalog.all)
  }

  /// Reads the text of a file of one of some experiments.
  package init(
    text: String, path: String, overrides: [String] = [], seedCount: Int? = nil,
    isQuick: Bool = false, among experiments: [any Experiment.Type]
  ) throws {
    self.path = path
    self.isQuick = isQuick
    let document = try ConfigurationDocument(text: text, path: path)
    let names = experiments.map { $0.kind }
    guard let name = try document.word("experiment") else {
      throw ExperimentError.missingKey(
        document.place, key: "experiment", allowed: "one of \(names.joined(separator: ", "))",
        help: "which experiment to run")
    }
    guard let experiment = experiments.first(where: { $0.kind == name.text }) else {
      throw ExperimentError.unknownExperiment(name.place, name: name.text, known: names)
    }
    self.experiment = experiment
    title = try document.word("title")?.text ?? experiment.summary

    let declared = experiment.settings
    let keys = declared.map(\.key)
    precondition(Set(keys).count == keys.count, "\(experiment.kind): two settings of one name")
    var entries = try document.entries(
      of: keys, beside: Self.commonKeys, below: nil)
    var seeds = try document.value("seeds")
    let quick = try document.entries(of: keys, beside: ["seeds"], below: "quick")
    if isQuick {
      entries.merge(quick) { $1 }
      seeds = try document.value("seeds", below: "quick") ?? seeds
    }
    for override in overrides {
      let (key, entry) = try ConfigurationDocument.override(override)
      if key == "seeds" {
        seeds = entry
      } else {
        guard keys.contains(key) else {
          throw ExperimentError.unknownKey(.override, key: key, known: keys + ["seeds"])
        }
        entries[key] = entry
      }
    }
    self.seeds = try Self.seeds(seeds, count: seedCount)

    var values: OrderedDictionary<String, OrderedJSON> = [:]
    var places: [String: Place] = [:]
    for setting in declared {
      if let entry = entries[setting.key] {
        values[setting.key] = try entry.value(of: setting)
        places[setting.key] = entry.place
      } else if let standard = setting.standard {
        values[setting.key] = standard
      } else if setting.isRequired {
        throw ExperimentError.missingKey(
          document.place, key: setting.key, allowed: setting.allowed, help: setting.help)
      }
    }
    settings = Settings(values: values, places: places, origin: document.place)
  }

  /// The seeds that a file or the command line asks for; seed 0 unless they do.
  private static func seeds(
    _ entry: ConfigurationDocument.Entry?, count: Int?
  ) throws -> [UInt64] {
    let most = 10_000
    if let count {
      guard (1...most).contains(count) else {
        throw ExperimentError.invalidValue(
          .override, key: "seeds", reason: "\(count) is not a number of seeds from 1 to \(most)")
      }
      return (0..<UInt64(count)).map { $0 }
    }
    guard let entry else { return [0] }
    if entry.isList {
      let list = try entry.value(
        of: Setting("seeds", .integers(0...Int.max), help: "the seeds"))
      let seeds = (list.array ?? []).compactMap { $0.integer }.map { UInt64($0) }
      guard Set(seeds).count == seeds.count else {
        throw ExperimentError.invalidValue(
          entry.place, key: "seeds", reason: "a seed is given twice; each is one repetition")
      }
      return seeds
    }
    let value = try entry.value(
      of: Setting("seeds", .integer(1...most), help: "how many seeds, or a list of them"))
    return (0..<UInt64(value.integer ?? 1)).map { $0 }
  }
}
