import Foundation
import InfluenceKit
import TestSupport
import Testing

@Suite("Commands that are stopped by SIGINT and SIGTERM", .serialized)
struct SignalTests {
  static let signals: [(Int32, String, Int32)] = [
    (SIGINT, "SIGINT", 130), (SIGTERM, "SIGTERM", 143),
  ]

  let place: Workplace

  init() throws { place = try Workplace() }

  /// Runs a command until something is so, sends a signal, and expects the one line that says what is left.
  private func stop(
    _ arguments: [String], by signal: (Int32, String, Int32), saying text: [String],
    when condition: () throws -> Bool = { true },
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let program = try RunningProgram(arguments, in: place.url)
    try program.wait(for: condition)
    program.send(signal.0)
    let outcome = try program.outcome()
    #expect(outcome.status == signal.2, "\(outcome)", sourceLocation: sourceLocation)
    #expect(outcome.output.isEmpty, "\(outcome)", sourceLocation: sourceLocation)
    #expect(outcome.errorLines.count == 1, "\(outcome)", sourceLocation: sourceLocation)
    #expect(
      outcome.errors.hasPrefix("stopped by \(signal.1): "), "\(outcome)",
      sourceLocation: sourceLocation)
    for piece in text {
      #expect(outcome.errors.contains(piece), "\(outcome)", sourceLocation: sourceLocation)
    }
  }

  private func committedRows(_ name: String) -> Int {
    ((try? StoreManifest(ofStoreAt: place.file(name))) ?? nil)?.rows ?? 0
  }

  @Test("An import and a merge say how far they are, and go on", arguments: signals)
  func copies(signal: (Int32, String, Int32)) throws {
    try place.writeExamples(rows: 4000, to: "train")
    for command in [["import", "train", "store"], ["merge", "store", "train"]] {
      let command = command + ["--chunk", "4KiB"]
      try stop(
        command, by: signal, saying: ["store has ", " rows; run the same command again to resume"],
        when: { committedRows("store") > 0 })
      #expect(throws: (any Error).self) { try GradientStore(opening: place.file("store")) }
      let next = try place.succeed(Array(command.dropLast(2)))
      #expect(next.output.contains("of which an earlier run wrote"))
      #expect(try place.bytes("store/gradients.bin") == place.bytes("train/gradients.bin"))
      try FileManager.default.removeItem(at: place.file("store"))
    }
  }

  @Test("A split says what its unfinished directory has, and goes on", arguments: signals)
  func split(signal: (Int32, String, Int32)) throws {
    try place.writeExamples(rows: 4000, to: "train")
    let command = ["split", "train", "shards", "--shards", "3", "--chunk", "4KiB"]
    try stop(
      command, by: signal,
      saying: ["shards.part has ", " rows; run the same command again to resume"],
      when: { committedRows("shards.part/shard-0000") > 0 })
    #expect(!place.has("shards"))
    let next = try place.succeed(Array(command.dropLast(2)))
    #expect(next.output.contains("of which an earlier run wrote"))
    #expect(try place.names() == ["shards", "train"])
  }

  @Test("Scores, comparisons, plans and verifications leave nothing", arguments: signals)
  func nothing(signal: (Int32, String, Int32)) throws {
    let fixture = try Fixture()
    // Far more steps than anyone waits for.
    let endless = "cg:tolerance=0,steps=1000000000"
    try place.makeFolder("out")
    func names() throws -> [String] {
      try FileManager.default.contentsOfDirectory(atPath: place.file("out").path)
    }
    for old in [false, true] {
      if old { try place.succeed(fixture.score("datainf", to: "out/s.npy")) }
      let before = try names().sorted()
      let bytes = old ? try place.bytes("out/s.npy") : nil
      // A temporary file is there while scores are computed.
      try stop(
        fixture.score(endless, to: "out/s.npy"), by: signal, saying: ["nothing was written"],
        when: { try names().count > before.count })
      #expect(try names().sorted() == before)
      if old { #expect(try place.bytes("out/s.npy") == bytes) }
    }
    let data = ["--train", fixture.train, "--query", fixture.query]
    try stop(
      ["compare"] + data + ["--methods", endless, "--output", "a/run"], by: signal,
      saying: ["nothing was written"], when: { place.has("a/run.part") })
    #expect(!place.has("a"))
    try stop(
      ["self", "--train", fixture.train, "--method", endless, "--output", "out/self.npy"],
      by: signal, saying: ["nothing was written"])
    // It measures the machine for two seconds.
    try stop(
      ["plan"] + data + ["--method", "exact"], by: signal, saying: ["nothing was written"])
    // Eight gigabytes of zeros that take no place on the disk.
    let rows = 1 << 21
    try place.writeArray(
      descriptor: "<f4", shape: "(\(rows), 1024)", byteCount: 0, to: "zeros.npy")
    let file = try FileHandle(forWritingTo: place.file("zeros.npy"))
    try file.truncate(atOffset: UInt64(128 + rows * 4096))
    try file.close()
    try stop(["verify", "zeros.npy"], by: signal, saying: ["nothing was written"])
  }

  @Test("A reader that stops reading is no failure")
  func pipes() throws {
    let program = try #require(Program.url)
    let shell = Process()
    shell.executableURL = URL(filePath: "/bin/bash")
    let fixture = try Fixture()
    shell.arguments = [
      "-c", "\"$0\" inspect \"$1\" | true; exit ${PIPESTATUS[0]}", program.path, fixture.train,
    ]
    let errors = place.file("errors")
    try place.write("", to: "errors")
    shell.standardError = try FileHandle(forWritingTo: errors)
    try shell.run()
    shell.waitUntilExit()
    #expect(shell.terminationReason == .exit && shell.terminationStatus == 0)
    #expect(try place.bytes("errors").isEmpty)
  }

  #if os(Linux)
    @Test("Output that does not fit on its disk is an error")
    func fullOutput() throws {
      let program = try #require(Program.url)
      let process = Process()
      process.executableURL = program
      process.arguments = ["inspect", try Fixture().train]
      process.standardOutput = try FileHandle(forWritingTo: URL(filePath: "/dev/full"))
      process.standardError = FileHandle.nullDevice
      try process.run()
      process.waitUntilExit()
      #expect(process.terminationReason == .exit && process.terminationStatus == 74)
    }
  #endif
}
