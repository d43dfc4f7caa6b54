import ArgumentParser
import Foundation
import InfluenceKit
import Reporting

/// `influence verify`: whether a store's bytes are those that were written.
struct VerifyCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "verify",
    abstract: "Are a store's bytes those that were written?",
    usage: "influence verify <path> [--json] [--quiet]",
    discussion: """
      Reads every byte and compares it with the checksums in manifest.json, one every 64 MiB of rows: \
      a flipped bit is found, and named by shard and rows. Where no checksum was recorded, as in \
      stores of other tools, only sizes and finiteness are checked, and it says so. Of a kept fit it \
      compares every file with its checksum in fit.json.

      EXAMPLES
        influence verify grads/train
        influence verify grads/train --json
        influence verify fits/train
      """)

  @Argument(help: "A store directory, a directory of shards, a file of gradients, or a kept fit.")
  var path: String
  @Flag(help: "Print JSON.") var json = false
  @Flag(name: .shortAndLong, help: "No progress bar, and only what is wrong.")
  var quiet = false

  func run() throws {
    if Self.isFit(path) { return try verifyFit() }
    let store = try GradientStore(opening: URL(filePath: path), allowingIncomplete: true)
    let findings = try ProgressBar.during(quiet: quiet) { try store.verification(progress: $0) }
    if json {
      try Console.print(jsonText(store, findings))
    } else {
      for finding in findings where !quiet || !finding.isSound { Console.print(line(finding)) }
    }
    let wrong = findings.flatMap(\.complaints)
    guard !wrong.isEmpty else { return }
    throw Failure.data(
      "\(wrong.joined(separator: "; ")); copy the store again, or write it again")
  }

  /// Whether a path is a kept fit's folder.
  private static func isFit(_ path: String) -> Bool {
    FileManager.default.fileExists(
      atPath: URL(filePath: path).appending(path: FitManifest.fileName).path)
  }

  /// Verifies a kept fit.
  private func verifyFit() throws {
    let (manifest, damages) = try ProgressBar.during(quiet: quiet) {
      try FitManifest.verification(ofFitAt: URL(filePath: path), progress: $0)
    }
    let name = Console.shortened(path)
    let kept = manifest.blocks.count(where: \.isFitted)
    if json {
      let result: OrderedJSON = [
        "path": .string(path), "sound": .boolean(damages.isEmpty),
        "complete": .boolean(manifest.isComplete), "files": .integer(manifest.files.count),
        "checked_bytes": .integer(manifest.byteCount),
        "damages": .array(
          damages.map { damage in
            [
              "file": .string(damage.path), "recorded": .string(damage.recorded.description),
              "found": .text(damage.found?.description),
            ]
          }),
      ]
      try Console.print(result)
    } else if damages.isEmpty, !quiet {
      let end =
        manifest.isComplete
        ? "" : "; incomplete, \(kept) of \(manifest.blocks.count) blocks are kept"
      Console.print(
        "\(name): sound, a fit of \(manifest.files.count) files, \(NumberFormat.bytes(manifest.byteCount))\(end)"
      )
    }
    guard !damages.isEmpty else { return }
    let complaints = damages.map { damage in
      "\(Console.shortened(damage.path)) is \(damage.found == nil ? "missing or has another size" : "damaged")"
    }
    throw Failure.data(
      "\(complaints.joined(separator: "; ")); copy the fit again, or fit again in another folder")
  }

  private func line(_ finding: ShardVerification) -> String {
    let name = Console.shortened(finding.path)
    let what =
      "\(Counted(finding.rows.count, "row")), \(NumberFormat.bytes(finding.checkedBytes))"
    let end = finding.isComplete ? "" : "; incomplete, only committed rows were checked"
    guard finding.isSound else {
      return "\(name): DAMAGED (\(finding.complaints.count) found) in \(what)\(end)"
    }
    switch finding.evidence {
    case .rowRanges: return "\(name): sound, \(what): gradients, norms and examples\(end)"
    case .wholeFile:
      return "\(name): sound, \(what): gradients by one checksum; none of norms and examples\(end)"
    case .nothing:
      return
        "\(name): no checksum was recorded, nothing to verify; sizes agree and \(what) are finite\(end)"
    }
  }

  private func jsonText(
    _ store: GradientStore, _ findings: [ShardVerification]
  ) -> OrderedJSON {
    [
      "path": .string(store.name),
      "rows": .integer(store.count),
      "sound": .boolean(findings.allSatisfy(\.isSound)),
      "shards": .array(
        findings.map { finding in
          [
            "path": .string(finding.path),
            "first_row": .integer(finding.rows.lowerBound),
            "rows": .integer(finding.rows.count),
            "complete": .boolean(finding.isComplete),
            "evidence": .string(finding.evidence.rawValue),
            "checked_bytes": .integer(finding.checkedBytes),
            "sound": .boolean(finding.isSound),
            "non_finite_rows": .array(finding.nonFiniteRows.map { .integer($0) }),
            "damages": .array(
              finding.damages.map { damage in
                [
                  "file": .string(damage.path),
                  "rows": damage.rows.map { [.integer($0.lowerBound), .integer($0.upperBound)] }
                    ?? .null,
                  "recorded": .string(damage.recorded), "found": .string(damage.found),
                ]
              }),
          ]
        }),
    ]
  }
}

extension ShardVerification {
  /// What is wrong: one clause of a sentence for each fault.
  fileprivate var complaints: [String] {
    let shard = Console.shortened(path)
    let damaged = damages.map { damage in
      let file = URL(filePath: damage.path).lastPathComponent
      let place = damage.rows.map { "rows \($0.lowerBound)..<\($0.upperBound)" } ?? "all of it"
      return "\(shard), \(place): \(file) is damaged"
    }
    guard !nonFiniteRows.isEmpty else { return damaged }
    let shown = nonFiniteRows.prefix(5).map(String.init).joined(separator: ", ")
    let rest = nonFiniteRows.count > 5 ? " and \(nonFiniteRows.count - 5) more" : ""
    return damaged + ["\(shard), rows \(shown)\(rest): not finite"]
  }
}
