import Foundation
import InfluenceKit
import TestSupport
import Testing

@Suite(
  "Full and read-only file systems", .serialized,
  .enabled(if: SmallFileSystem.isAvailable, "only root can mount a small file system"))
struct FullDiskTests {
  let place: Workplace
  let disk: SmallFileSystem

  /// 2.4 MB of gradients beside a disk of 4 MB.
  init() throws {
    place = try Workplace()
    try place.writeExamples(rows: 2000, to: "train")
    try place.writeExamples(rows: 50, to: "query")
    disk = try SmallFileSystem(at: place.file("disk"), kilobytes: 4096)
  }

  private func contents(_ folder: String = "disk") throws -> [String: Data] {
    var files: [String: Data] = [:]
    for path in try FileManager.default.subpathsOfDirectory(atPath: place.file(folder).path)
    where path != "filler" {
      files[path] = (try? place.bytes("\(folder)/\(path)")) ?? Data()
    }
    return files
  }

  /// Runs a command on a disk with so little space, and expects an error that names the disk's file.
  private func expectFull(_ command: [String], leaving kilobytes: Int) throws {
    try disk.fill(leaving: kilobytes)
    let outcome = try place.run(command)
    #expect(outcome.status == 74, "\(kilobytes) KB: \(outcome)")
    let message = try #require(outcome.onlyError, "\(outcome)")
    #expect(message.contains("disk/") && message.contains("no space left"), "\(message)")
    #expect(message.contains("free some space"), "\(message)")
  }

  @Test(
    "Stores go on when there is space again", arguments: ["import", "merge", "split"],
    [0, 4, 40, 700, 1500])
  func stores(command: String, kilobytes: Int) throws {
    let words =
      switch command {
      case "import": ["import", "train", "disk/store"]
      case "merge": ["merge", "disk/store", "train"]
      default: ["split", "train", "disk/store", "--shards", "3"]
      }
    let fine = words + ["--chunk", "64KiB"]
    try expectFull(fine, leaving: kilobytes)
    #expect(throws: (any Error).self) { try GradientStore(opening: place.file("disk/store")) }
    if command == "split" { #expect(!place.has("disk/store")) }
    #expect(try !contents().keys.contains { $0.hasSuffix(".tmp") })
    try disk.makeSpace()
    try place.succeed(fine)
    let source = try GradientStore(opening: place.file("train"))
    let store = try GradientStore(opening: place.file("disk/store"))
    #expect(try store.verification().allSatisfy(\.isSound))
    for block in source.layout.blocks.indices {
      #expect(
        Matrix(try store.rows(0..<2000, of: block, as: Float.self))
          == Matrix(try source.rows(0..<2000, of: block, as: Float.self)))
    }
  }

  @Test("Factors go on when there is space again", arguments: [0, 4, 40, 300])
  func factors(kilobytes: Int) throws {
    try place.writeExamples(rows: 2000, matrixRows: 8, to: "matrices")
    let words = ["import", "matrices", "--factored", "1", "--chunk", "64KiB", "-q"]
    try place.succeed(words + ["whole"])
    try expectFull(words + ["disk/store"], leaving: kilobytes)
    #expect(throws: (any Error).self) { try GradientStore(opening: place.file("disk/store")) }
    try disk.makeSpace()
    try place.succeed(words + ["disk/store"])
    for file in ["gradients.bin", "manifest.json"] {
      #expect(try place.bytes("disk/store/\(file)") == place.bytes("whole/\(file)"), "\(file)")
    }
  }

  static let results = [
    ["score", "--train", "train", "--query", "query", "--output", "disk/s.npy"],
    ["self", "--train", "train", "--output", "disk/s.npy"],
  ]

  @Test("Earlier results stay whole", arguments: results, [0, 4])
  func scores(words: [String], kilobytes: Int) throws {
    try place.succeed(words + ["--method", "hessian-free"])
    let before = try contents()
    try expectFull(words + ["--method", "datainf"], leaving: kilobytes)
    #expect(try contents() == before)
    try disk.makeSpace()
    try place.succeed(words + ["--method", "datainf"])
    #expect(try contents().keys.sorted() == ["s.npy", "s.npy.json"])
    #expect(try contents()["s.npy"] != before["s.npy"])
  }

  @Test("A read-only disk is refused, and left as it is")
  func readOnly() throws {
    let commands =
      Self.results.map { $0 + ["--method", "datainf"] } + [
        ["import", "train", "disk/new"], ["merge", "disk/new", "train"],
        ["split", "train", "disk/new", "--shards", "2"],
        ["import", "train", "disk/begun", "--chunk", "64KiB"],
      ]
    // One import is begun, and there are results.
    try place.succeed(Self.results[0] + ["--method", "hessian-free"])
    try expectFull(["import", "train", "disk/begun", "--chunk", "64KiB"], leaving: 700)
    try disk.makeSpace()
    let before = try contents()
    try disk.setReadOnly(true)
    for words in commands {
      let outcome = try place.run(words)
      #expect(outcome.status == 73, "\(words): \(outcome)")
      let message = try #require(outcome.onlyError, "\(outcome)")
      #expect(message.contains("disk"), "\(message)")
      #expect(
        message.contains("read-only") || message.contains("cannot be written"), "\(message)")
    }
    #expect(try contents() == before)
    try disk.setReadOnly(false)
    for words in commands where words[2] != "disk/new" && words[1] != "disk/new" {
      try place.succeed(words)
    }
  }
}
