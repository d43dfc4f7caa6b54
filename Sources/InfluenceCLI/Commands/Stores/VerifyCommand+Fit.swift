import Foundation
import InfluenceKit
import Reporting

extension VerifyCommand {
  /// Whether a path is a kept fit's folder.
  static func isFit(_ path: String) -> Bool {
    FileManager.default.fileExists(
      atPath: URL(filePath: path).appending(path: FitManifest.fileName).path)
  }

  /// Verifies a kept fit.
  func verifyFit() throws {
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
      print(try result.serialized(.indented))
    } else if damages.isEmpty, !quiet {
      let end =
        manifest.isComplete
        ? "" : "; incomplete, \(kept) of \(manifest.blocks.count) blocks are kept"
      print(
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
}
