import Foundation
import TestSupport
import Testing

/// The built program, run as a user runs it.
enum Program {
  /// What a run left.
  struct Outcome: CustomStringConvertible {
    let status: Int32
    let output: String
    let errors: String

    var description: String { "status \(status)\noutput: \(output)\nerrors: \(errors)" }

    /// The lines on standard error.
    var errorLines: [Substring] { errors.split(separator: "\n") }

    /// What stands after `error: ` where that is the only line; nil otherwise.
    var onlyError: String? {
      guard errorLines.count == 1, errors.hasPrefix("error: "), errors.hasSuffix("\n") else {
        return nil
      }
      return String(errorLines[0].dropFirst("error: ".count))
    }
  }

  /// Where the program lies: beside the tests, or in the build folder of the package.
  static let url: URL? = {
    var folders = [
      URL(fileURLWithPath: CommandLine.arguments.first ?? "").deletingLastPathComponent(),
      Bundle.main.bundleURL,
    ]
    if let root = SharedData.packageRoot {
      folders += ["release", "debug"].map { root.appendingPathComponent(".build/\($0)") }
    }
    return folders.map { $0.appendingPathComponent("influence") }
      .first { FileManager.default.isExecutableFile(atPath: $0.path) }
  }()

  /// Runs the program to its end.
  ///
  /// - Parameters:
  ///   - arguments: What follows the program's name.
  ///   - folder: The current directory.
  ///   - environment: Variables on top of this process' own.
  static func run(
    _ arguments: [String], in folder: URL, environment: [String: String] = [:]
  ) throws -> Outcome {
    let process = Process()
    let program = try #require(url, "build the product influence first")
    process.executableURL = program
    process.arguments = arguments
    process.currentDirectoryURL = folder
    process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
    process.standardInput = FileHandle.nullDevice
    // Files, not pipes: nothing can fill up, however much is printed.
    let scratch = try TemporaryDirectory()
    let streams = try ["output", "errors"].map { name in
      try FileHandle(forWritingTo: try scratch.write("", to: name))
    }
    process.standardOutput = streams[0]
    process.standardError = streams[1]
    try process.run()
    process.waitUntilExit()
    for stream in streams { try stream.close() }
    func text(_ name: String) throws -> String {
      String(decoding: try Data(contentsOf: scratch.file(name)), as: UTF8.self)
    }
    return Outcome(
      status: process.terminationReason == .exit
        ? process.terminationStatus : -process.terminationStatus,
      output: try text("output"), errors: try text("errors"))
  }
}
