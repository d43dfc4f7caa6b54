import ArgumentParser
import Foundation
import InfluenceKit
import Reporting

/// `influence verify`: whether the bytes of what this program wrote are still the same.
struct VerifyCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "verify",
    abstract: "Are the bytes of a store, a fit or results those that were written?",
    usage: "influence verify <path> [--json] [--quiet]",
    discussion: """
      Reads every byte and compares it with the checksums in manifest.json, one every 64 MiB of rows: \
      a flipped bit is found, and named by shard and rows. What lies beside a store (curvature, \
      representations, probabilities) is compared with its own checksum. Where no checksum was recorded, as in \
      stores of other tools, only sizes and finiteness are checked, and it says so. Of a kept fit it \
      compares every file with its checksum in fit.json, of scores and tables the file with its record, and of \
      comparisons and experiments all files with the list in run.json or costs.json. In a folder of several of these \
      it verifies them all. A file that is written, replaced or removed meanwhile is an error.

      EXAMPLES
        influence verify grads/train
        influence verify grads/train --json
        influence verify fits/train
        influence verify scores.npy
        influence verify influence-runs/compare-1
      """)

  @Argument(help: "A store, a file of gradients, a kept fit, scores, a run, or a folder of these.")
  var path: String
  @Flag(help: "Print JSON.") var json = false
  @Flag(name: .shortAndLong, help: "No progress bar, and only what is wrong.")
  var quiet = false

  func run() throws {
    let files = FileWatch()
    let place = ProgressBar.during(quiet: quiet) { progress in
      files.during { Swift.Result { try VerifiedPlace(at: path, progress: progress) } }
    }
    // What was sound when it was read may be another file by now, and what is missing may have been there.
    try files.requireUnchanged()
    try check(place.get())
  }

  private func check(_ place: VerifiedPlace) throws {
    let wrong = place.parts.flatMap(\.complaints)
    if json {
      try Console.print(jsonText(place, isSound: wrong.isEmpty))
    } else {
      for part in place.parts where !quiet || !part.complaints.isEmpty { Console.print(part.line) }
    }
    guard !wrong.isEmpty else { return }
    let isFit = if case .fit = place.parts.first { true } else { false }
    throw Failure.data(
      wrong.joined(separator: "; ")
        + (isFit
          ? "; copy the fit again, or fit again in another folder"
          : "; copy what is damaged again, or write it again"))
  }

  private func jsonText(_ place: VerifiedPlace, isSound: Bool) -> OrderedJSON {
    if case .fit = place.parts.first, place.parts.count == 1 { return place.parts[0].json }
    func list(_ isListed: (VerifiedPart) -> Bool) -> OrderedJSON {
      .array(place.parts.filter(isListed).map(\.json))
    }
    let files = list { if case .file = $0 { true } else { false } }
    let fits = list { if case .fit = $0 { true } else { false } }
    return [
      "path": .string(place.store?.name ?? path),
      "rows": place.store.map { .integer($0.count) } ?? .null,
      "sound": .boolean(isSound),
      "shards": list { if case .shard = $0 { true } else { false } },
      "files": files, "fits": fits,
    ]
  }
}
