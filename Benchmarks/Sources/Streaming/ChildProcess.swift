import Foundation

/// What one run of a command took.
struct ChildRun: Codable {
  var seconds: Double
  /// The largest sample of RssAnon: memory that the kernel cannot drop, unlike pages of mapped files.
  var peakAnonymousBytes: Int
  /// VmHWM as last seen, mapped pages included.
  var peakResidentBytes: Int
  /// Samples that the peak is the largest of.
  var samples: Int

  /// Runs a command and watches its memory every 2 milliseconds.
  ///
  /// - Throws: ``BenchmarkError/childFailed(command:status:output:)`` unless it ends well.
  init(_ executable: String, _ arguments: [String], log: URL) throws {
    try Data().write(to: log)
    let output = try FileHandle(forWritingTo: log)
    defer { try? output.close() }
    let process = Process()
    process.executableURL = URL(filePath: executable)
    process.arguments = arguments
    process.standardOutput = output
    process.standardError = output
    seconds = 0
    peakAnonymousBytes = 0
    peakResidentBytes = 0
    samples = 0
    let clock = ContinuousClock()
    let start = clock.now
    try process.run()
    let status = "/proc/\(process.processIdentifier)/status"
    while process.isRunning {
      if let text = try? String(contentsOfFile: status, encoding: .utf8) {
        if let bytes = Self.bytes(of: "RssAnon:", in: text) {
          peakAnonymousBytes = max(peakAnonymousBytes, bytes)
          samples += 1
        }
        if let bytes = Self.bytes(of: "VmHWM:", in: text) { peakResidentBytes = bytes }
      }
      Thread.sleep(forTimeInterval: 0.002)
    }
    process.waitUntilExit()
    seconds = (clock.now - start) / .seconds(1)
    guard process.terminationReason == .exit, process.terminationStatus == 0 else {
      throw BenchmarkError.childFailed(
        command: ([executable] + arguments).joined(separator: " "),
        status: process.terminationStatus,
        output: (try? String(contentsOf: log, encoding: .utf8)) ?? "")
    }
    guard samples > 0 else { throw BenchmarkError.memoryUnknown(path: status) }
  }

  private static func bytes(of field: String, in text: String) -> Int? {
    guard let line = text.split(separator: "\n").first(where: { $0.hasPrefix(field) }),
      let kilobytes = line.split(whereSeparator: \.isWhitespace).dropFirst().first
    else { return nil }
    return Int(kilobytes).map { $0 * 1024 }
  }
}

/// Why a benchmark stopped.
enum BenchmarkError: Error, CustomStringConvertible {
  case childFailed(command: String, status: Int32, output: String)
  case memoryUnknown(path: String)
  case missing(path: String, remedy: String)

  var description: String {
    switch self {
    case .childFailed(let command, let status, let output):
      "status \(status) of: \(command)\n\(output)"
    case .memoryUnknown(let path):
      "\(path) has no RssAnon, so memory cannot be watched; run on Linux, on longer work"
    case .missing(let path, let remedy): "\(path) is not there: \(remedy)"
    }
  }
}
