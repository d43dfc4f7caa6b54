import Foundation
import InfluenceKit
import TestSupport
import Testing

@Suite("Folders of results appear whole, and replace nobody's files", .serialized)
struct OutputFolderTests {
  let place: Workplace

  init() throws {
    place = try Workplace()
    try SmallFiles.write(in: place)
  }

  private func compare(_ output: String) -> [String] {
    [
      "compare", "--train", "train.safetensors", "--query", "query.safetensors", "--methods",
      "exact", "datainf", "--output", output,
    ]
  }

  private static let gradients = [
    "gradients", "--model", "softmax", "--train", "40", "--queries", "5", "--output",
  ]

  @Test("A folder with somebody's files is left as it is")
  func occupied() throws {
    try place.write("mine", to: "run/table.csv")
    try place.write("mine", to: "run/scores/exact.npy")
    try place.write("mine", to: "other.part/notes")
    for command in [
      compare("run"), Self.gradients + ["run"], compare("other"), Self.gradients + ["other"],
    ] {
      let outcome = try place.run(command)
      #expect(outcome.status == 73, "\(outcome)")
    }
    #expect(try place.bytes("run/table.csv") == Data("mine".utf8))
    #expect(try place.bytes("run/scores/exact.npy") == Data("mine".utf8))
    #expect(try place.bytes("other.part/notes") == Data("mine".utf8))
    #expect(!place.has("run.part") && !place.has("other"))
  }

  @Test(
    "A folder where a file system is mounted is refused before any work, and one inside it is not",
    .enabled(if: SmallFileSystem.isAvailable, "only root can mount"))
  func mountPoint() throws {
    let mounted = try SmallFileSystem(at: place.file("a mount"), kilobytes: 4096)
    try FileManager.default.createSymbolicLink(
      at: place.file("link"), withDestinationURL: mounted.url)
    let split = ["split", "train.safetensors"]
    for name in ["a mount", "link"] {
      for command in [
        compare(name), Self.gradients + [name], split + [name, "--shards", "2"],
      ] {
        let outcome = try place.run(command)
        #expect(outcome.status == 73, "\(command): \(outcome)")
        #expect(
          outcome.onlyError?.contains("another file system is mounted there") == true,
          "\(outcome)")
      }
    }
    #expect(try place.names().allSatisfy { !$0.hasSuffix(".part") })
    try place.succeed(compare("a mount/run"))
    try place.succeed(split + ["link/shards", "--shards", "2"])
  }

  @Test("No results in a store, whatever name leads there")
  func insideStore() throws {
    try place.succeed(["import", "train.safetensors", "store"])
    let files = FileManager.default
    try files.createSymbolicLink(at: place.file("link"), withDestinationURL: place.file("store"))
    let before = try files.subpathsOfDirectory(atPath: place.file("store").path).sorted()
    let data = ["--train", "store", "--query", "query.safetensors"]
    for folder in ["store", "link", "./store/../link"] {
      for command in [
        ["compare"] + data + ["--methods", "exact", "--output", "\(folder)/run"],
        ["score"] + data + ["--method", "exact", "--output", "\(folder)/s.npy"],
        ["fit", "--train", "store", "--method", "exact", "--output", "\(folder)/fit"],
        ["import", "store", "\(folder)/copy"],
      ] {
        let outcome = try place.run(command)
        #expect(outcome.status == 64, "\(command): \(outcome)")
      }
    }
    #expect(try files.subpathsOfDirectory(atPath: place.file("store").path).sorted() == before)
  }

  @Test("What a killed command left is begun anew, and nothing of it stays")
  func killed() throws {
    try place.write("", to: "made.part/.influence-unfinished")
    try place.write("half", to: "made.part/train/gradients.bin")
    try place.write("half", to: "made.part/members/0/old")
    try place.succeed(Self.gradients + ["made"])
    #expect(try GradientStore(opening: place.file("made/train")).count == 40)
    #expect(!place.has("made.part") && !place.has("made/members"))
    #expect(!place.has("made/.influence-unfinished"))
    // An empty folder is nobody's.
    try place.makeFolder("empty")
    try place.succeed(compare("empty"))
    #expect(place.has("empty/run.json") && !place.has("empty.part"))
  }

  @Test("Of several commands on one place one ends well, and the others write nothing")
  func races() throws {
    for trial in 0..<3 {
      for command in [compare("c\(trial)"), Self.gradients + ["g\(trial)"]] {
        let programs = try (0..<3).map { _ in try RunningProgram(command, in: place.url) }
        let outcomes = try programs.map { try $0.outcome() }
        #expect(outcomes.count { $0.status == 0 } == 1, "\(outcomes)")
        #expect(outcomes.allSatisfy { [0, 73, 75].contains($0.status) }, "\(outcomes)")
      }
      #expect(place.has("c\(trial)/run.json") && !place.has("c\(trial).part"))
      #expect(try GradientStore(opening: place.file("g\(trial)/query")).count == 5)
      #expect(!place.has("g\(trial).part"))
    }
  }
}
