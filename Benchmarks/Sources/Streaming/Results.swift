import Foundation

/// One line of the table.
struct ResultRow: Codable {
  var part: String
  var what: String
  var cache: String = ""
  /// Every timed run; the median is shown.
  var runs: [ChildRun] = []
  /// Bytes of the training store that was read from, once.
  var storeBytes: Int?
  var ofDisk: Double?
  var ofMemory: Double?
  /// Most anonymous memory against the bound plus 256 MB; nil where no bound was given.
  var staysInBound: Bool?
  /// Ratios, errors and passes by name.
  var figures: [String: Double] = [:]
  /// Whether a check held; nil where there is none.
  var passes: Bool?

  var seconds: Double { runs.map(\.seconds).sorted()[safe: runs.count / 2] ?? .nan }
  var peakAnonymousBytes: Int { runs.map(\.peakAnonymousBytes).max() ?? 0 }

  /// The cells of the table.
  var cells: [String] {
    func number(_ value: Double?, _ format: String) -> String {
      value.map { String(format: format, $0) } ?? ""
    }
    let rate = storeBytes.map { Double($0) / seconds / 1e9 }
    let verdict = staysInBound.map { $0 ? "PASS" : "FAIL" } ?? ""
    let hasRuns = !runs.isEmpty
    let resident = runs.map(\.peakResidentBytes).max() ?? 0
    let notes =
      figures.sorted { $0.key < $1.key }.map { "\($0.key) \(String(format: "%.3g", $0.value))" }
      + (passes.map { [$0 ? "PASS" : "FAIL"] } ?? [])
    return [
      part, what, cache, hasRuns ? number(seconds, "%.3f") : "",
      hasRuns ? number(rate, "%.2f") : "", number(ofDisk, "%.2f"), number(ofMemory, "%.2f"),
      hasRuns ? number(Double(peakAnonymousBytes) / 1e6, "%.0f") : "",
      hasRuns ? number(Double(resident) / 1e6, "%.0f") : "", verdict,
      notes.joined(separator: ", "),
    ]
  }

  static let names = [
    "part", "run", "cache", "s", "GB/s", "of disk", "of memory", "anonymous MB", "VmHWM MB",
    "bound + 256 MB", "figures",
  ]
}

/// Everything that was measured.
struct Results: Codable {
  var machine: [String: Double] = [:]
  var notes: [String] = []
  var rows: [ResultRow] = []

  var markdown: String {
    let lines = [ResultRow.names, ResultRow.names.map { _ in "---" }] + rows.map(\.cells)
    return lines.map { "| " + $0.joined(separator: " | ") + " |" }.joined(separator: "\n")
  }
}

extension Array {
  fileprivate subscript(safe index: Int) -> Element? {
    indices.contains(index) ? self[index] : nil
  }
}
