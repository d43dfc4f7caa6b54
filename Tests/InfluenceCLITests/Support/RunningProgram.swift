import Foundation
import TestSupport
import Testing

/// The built program while it runs, to be sent signals.
final class RunningProgram {
  private let process = Process()
  private let scratch: TemporaryDirectory
  private let streams: [FileHandle]

  /// Starts the program.
  init(_ arguments: [String], in folder: URL) throws {
    let program = try #require(Program.url, "build the product influence first")
    process.executableURL = program
    process.arguments = arguments
    process.currentDirectoryURL = folder
    process.standardInput = FileHandle.nullDevice
    let scratch = try TemporaryDirectory()
    // Files, not pipes: nothing can fill up, however much is printed.
    streams = try ["output", "errors"].map { name in
      try FileHandle(forWritingTo: try scratch.write("", to: name))
    }
    self.scratch = scratch
    process.standardOutput = streams[0]
    process.standardError = streams[1]
    try process.run()
  }

  var isRunning: Bool { process.isRunning }

  /// Sends a signal.
  func send(_ signal: Int32) { _ = kill(process.processIdentifier, signal) }

  /// Waits for the program to take SIGINT into its own hands, and then for something to be so.
  func wait(for condition: () throws -> Bool = { true }) throws {
    let deadline = ContinuousClock.now + .seconds(20)
    while process.isRunning, try !(isListening && condition()) {
      try #require(ContinuousClock.now < deadline, "the program did not come so far")
      Thread.sleep(forTimeInterval: 0.002)
    }
  }

  /// Waits for the end; a signal counts as its negative number.
  func outcome() throws -> Program.Outcome {
    process.waitUntilExit()
    for stream in streams { try stream.close() }
    func text(_ name: String) throws -> String {
      String(decoding: try Data(contentsOf: scratch.file(name)), as: UTF8.self)
    }
    return Program.Outcome(
      status: process.terminationReason == .exit
        ? process.terminationStatus : -process.terminationStatus,
      output: try text("output"), errors: try text("errors"))
  }

  #if os(Linux)
    /// The most memory that it is seen to have until it ends, without the pages of files, in bytes.
    func peakOfOwnMemory() -> Int {
      var peak = 0
      while process.isRunning {
        let status =
          (try? String(contentsOfFile: "/proc/\(process.processIdentifier)/status", encoding: .utf8))
          ?? ""
        let line = status.split(separator: "\n").first { $0.hasPrefix("RssAnon:") } ?? ""
        let kilobytes = line.split(whereSeparator: \.isWhitespace).dropFirst().first
        peak = max(peak, 1024 * (kilobytes.flatMap { Int($0) } ?? 0))
        Thread.sleep(forTimeInterval: 0.001)
      }
      return peak
    }

    /// Whether it has mapped a file.
    func hasMapped(_ file: URL) -> Bool {
      let maps = "/proc/\(process.processIdentifier)/maps"
      let text = (try? String(contentsOfFile: maps, encoding: .utf8)) ?? ""
      return text.contains(file.resolvingSymlinksInPath().path)
    }
  #endif

  /// Whether it has a handler for SIGINT and SIGTERM.
  private var isListening: Bool {
    #if os(Linux)
      let status =
        (try? String(contentsOfFile: "/proc/\(process.processIdentifier)/status", encoding: .utf8))
        ?? ""
      let line = status.split(separator: "\n").first { $0.hasPrefix("SigCgt:") } ?? ""
      let caught = UInt64(line.dropFirst(7).trimmingCharacters(in: .whitespaces), radix: 16) ?? 0
      return [SIGINT, SIGTERM].allSatisfy { caught >> UInt64($0 - 1) & 1 == 1 }
    #else
      Thread.sleep(forTimeInterval: 0.5)
      return true
    #endif
  }
}
