import Foundation
import InfluenceKit
import TestSupport
import Testing

#if os(Linux)
  @Suite("Input that is changed while it is read", .serialized)
  struct ChangedInputTests {
    let place: Workplace

    init() throws {
      place = try Workplace()
      // So many zeros that reading them takes a while; they take no place on the disk.
      let rows = 1 << 16
      try place.writeArray(
        descriptor: "<f4", shape: "(\(rows), 1024)", byteCount: 0, to: "train.npy")
      let file = try FileHandle(forWritingTo: place.file("train.npy"))
      try file.truncate(atOffset: UInt64(128 + rows * 4096))
      try file.close()
    }

    @Test("Too little address space is refused at once, and enough of it is not")
    func addressSpace() throws {
      let program = try #require(Program.url)
      let fixture = try Fixture()
      for (kilobytes, status) in [(300_000, 71), (450_000, 71), (8_000_000, 0)] as [(Int, Int32)] {
        let shell = Process()
        shell.executableURL = URL(filePath: "/bin/bash")
        shell.currentDirectoryURL = place.url
        shell.arguments =
          ["-c", "ulimit -v \(kilobytes); exec \"$0\" \"$@\" 2>errors", program.path]
          + fixture.score("exact") + ["--threads", "1"]
        shell.standardOutput = FileHandle.nullDevice
        try shell.run()
        shell.waitUntilExit()
        #expect(shell.terminationReason == .exit && shell.terminationStatus == status)
        if status != 0 {
          let text = String(decoding: try place.bytes("errors"), as: UTF8.self)
          #expect(text.contains("ulimit -v") && text.contains("--threads"))
        }
      }
    }

    static let commands: [[String]] = [
      ["inspect", "train.npy"],
      ["import", "train.npy", "store", "--chunk", "1MiB"],
      ["verify", "train.npy"],
      [
        "score", "--train", "train.npy", "--query", "query.npy", "--method", "hessian-free",
        "--output", "s.npy",
      ],
      ["outliers", "--train", "train.npy", "--measure", "l1", "--output", "o.npy"],
    ]

    /// Runs a command, changes its input when it has begun to read, and expects the error that names it.
    private func change(
      _ command: [String], saying texts: [String], _ change: (FileHandle) throws -> Void
    ) throws {
      var generator = SeededGenerator(seed: 1)
      try place.writeArray(.normal(1, 1024, using: &generator), to: "query.npy")
      let program = try RunningProgram(command, in: place.url)
      try program.wait { program.hasMapped(place.file("train.npy")) }
      try change(FileHandle(forUpdating: place.file("train.npy")))
      let outcome = try program.outcome()
      #expect(outcome.status == 65, "\(command): \(outcome)")
      #expect(outcome.errorLines.count == 1, "\(command): \(outcome)")
      #expect(
        outcome.errors.contains("train.npy: ")
          && texts.contains { outcome.errors.contains("the file \($0)") },
        "\(command): \(outcome)")
      #expect(outcome.errors.hasPrefix("error: "), "\(command): \(outcome)")
      #expect(!place.has("s.npy") && !place.has("o.npy"))
      #expect(try place.names().allSatisfy { !$0.hasPrefix(".unfinished") })
    }

    @Test("A file that is cut short is an error, and no signal", arguments: commands)
    func cut(command: [String]) throws {
      // A page that is gone, a size that is another when it is asked for, or one that is too small from the beginning.
      let texts = [
        "was cut short", "went from 268435584 to 65536 bytes", "is cut short or damaged",
      ]
      try change(command, saying: texts) {
        try $0.truncate(atOffset: 1 << 16)
      }
    }

    @Test("A file that is written to gives no result", arguments: commands)
    func written(command: [String]) throws {
      try change(command, saying: ["was written to"]) {
        try $0.seek(toOffset: 1 << 27)
        try $0.write(contentsOf: Data([1, 2, 3, 4]))
      }
    }

    @Test("A file that is replaced or removed while it or another is verified is an error")
    func verified() throws {
      try place.makeFolder("all")
      try place.writeArray(
        descriptor: "<f4", shape: "(8, 4)", byteCount: 128, to: "small.npy")
      try place.succeed(["import", "small.npy", "all/store", "-q"])
      let identity = Matrix<Double>.identity(1)
      let factors = KroneckerFactors(activations: identity, outputGradients: identity)
      try StoredCurvature(kronecker: [("gradients", factors)]).write(to: place.file("all/store"))
      // It comes last, takes a while, and is not what its record says.
      try FileManager.default.moveItem(at: place.file("train.npy"), to: place.file("all/z.npy"))
      try place.write(
        #"{"format": "influencekit-scores", "results": {"crc32c": "00000000"}}"#,
        to: "all/z.npy.json")
      for name in [
        "manifest.json", "info.json", "squared_norms.bin", "gradients.bin", "curvature.safetensors",
      ] {
        let target = place.file("all/store/\(name)")
        let copy = try Data(contentsOf: target)
        for isRemoved in [false, true] {
          let program = try RunningProgram(["verify", "all"], in: place.url)
          try program.wait { program.hasMapped(place.file("all/z.npy")) }
          program.send(SIGSTOP)
          try FileManager.default.removeItem(at: target)
          if !isRemoved { try copy.write(to: target) }
          program.send(SIGCONT)
          let outcome = try program.outcome()
          #expect(outcome.status == 65, "\(name): \(outcome)")
          #expect(outcome.onlyError?.contains("\(name): the file was ") == true, "\(outcome)")
          try copy.write(to: target)
        }
      }
    }
  }
#endif
