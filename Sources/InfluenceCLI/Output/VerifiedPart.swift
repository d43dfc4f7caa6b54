import Foundation
import InfluenceKit
import Reporting

/// Something whose bytes were compared with what is on record of them.
enum VerifiedPart {
  /// A shard of a store.
  case shard(ShardVerification)
  /// A kept fit.
  case fit(path: String, manifest: FitManifest, damages: [FitDamage])
  /// Results with their record, the folder of a run, or a file that holds its own checksum.
  case file(VerifiedFile)

  /// What is wrong: one clause of a sentence for each fault.
  var complaints: [String] {
    switch self {
    case .shard(let finding): finding.complaints
    case .fit(_, _, let damages):
      damages.map { damage in
        "\(Console.shortened(damage.path)) is \(damage.found == nil ? "missing or has another size" : "damaged")"
      }
    case .file(let file): file.complaints
    }
  }

  /// A line for a person.
  var line: String {
    switch self {
    case .shard(let finding): finding.line
    case .fit(let path, let manifest, let damages):
      Self.line(path, manifest, isSound: damages.isEmpty)
    case .file(let file): file.line
    }
  }

  private static func line(_ path: String, _ manifest: FitManifest, isSound: Bool) -> String {
    let kept = manifest.blocks.count(where: \.isFitted)
    let end =
      (manifest.isComplete
        ? "" : "; incomplete, \(kept) of \(manifest.blocks.count) blocks are kept")
      + (manifest.isSealed ? "" : "; fit.json is of an earlier version and not protected")
    return
      "\(Console.shortened(path)): \(isSound ? "sound" : "DAMAGED"), a fit of \(manifest.files.count) files, \(NumberFormat.bytes(manifest.byteCount))\(end)"
  }

  /// The same as JSON.
  var json: OrderedJSON {
    switch self {
    case .shard(let finding): finding.json
    case .fit(let path, let manifest, let damages):
      [
        "path": .string(path), "sound": .boolean(damages.isEmpty),
        "complete": .boolean(manifest.isComplete), "protected": .boolean(manifest.isSealed),
        "files": .integer(manifest.files.count), "checked_bytes": .integer(manifest.byteCount),
        "damages": .array(
          damages.map { damage in
            [
              "file": .string(damage.path), "recorded": .string(damage.recorded.description),
              "found": .text(damage.found?.description),
            ]
          }),
      ]
    case .file(let file): file.json
    }
  }
}

/// Files that are not gradients and not a fit.
struct VerifiedFile {
  /// The file, or the folder.
  let path: String
  /// What it is, for a sentence.
  let what: String
  /// Bytes that were compared.
  var byteCount = 0
  /// Whether there was a checksum to compare them with.
  var isProtected = true
  /// What is wrong.
  var complaints: [String] = []

  var line: String {
    let name = Console.shortened(path)
    guard complaints.isEmpty else {
      return "\(name): DAMAGED (\(complaints.count) found), \(what)"
    }
    guard isProtected else {
      return "\(name): no checksum was recorded, not protected: \(what)"
    }
    return "\(name): sound, \(what), \(NumberFormat.bytes(byteCount))"
  }

  var json: OrderedJSON {
    [
      "path": .string(path), "what": .string(what), "protected": .boolean(isProtected),
      "checked_bytes": .integer(byteCount), "sound": .boolean(complaints.isEmpty),
      "complaints": .list(complaints),
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

  fileprivate var line: String {
    let name = Console.shortened(path)
    let what = "\(Counted(rows.count, "row")), \(NumberFormat.bytes(checkedBytes))"
    let end =
      (isComplete ? "" : "; incomplete, only committed rows were checked")
      + (manifestIsSealed || evidence == .nothing
        ? "" : "; manifest.json is of an earlier version and not protected")
    guard isSound else { return "\(name): DAMAGED (\(complaints.count) found) in \(what)\(end)" }
    switch evidence {
    case .rowRanges: return "\(name): sound, \(what): gradients, norms and examples\(end)"
    case .wholeFile:
      return "\(name): sound, \(what): gradients by one checksum; none of norms and examples\(end)"
    case .nothing:
      return
        "\(name): no checksum was recorded, nothing to verify; sizes agree and \(what) are finite\(end)"
    }
  }

  fileprivate var json: OrderedJSON {
    [
      "path": .string(path),
      "first_row": .integer(rows.lowerBound),
      "rows": .integer(rows.count),
      "complete": .boolean(isComplete),
      "evidence": .string(evidence.rawValue),
      "protected": .boolean(manifestIsSealed),
      "checked_bytes": .integer(checkedBytes),
      "sound": .boolean(isSound),
      "non_finite_rows": .array(nonFiniteRows.map { .integer($0) }),
      "damages": .array(
        damages.map { damage in
          [
            "file": .string(damage.path),
            "rows": damage.rows.map { [.integer($0.lowerBound), .integer($0.upperBound)] }
              ?? .null,
            "recorded": .string(damage.recorded), "found": .string(damage.found),
          ]
        }),
    ]
  }
}
