import Foundation
import InfluenceKit
import TestSupport
import Testing

@Suite("influence import")
struct ImportTests {
  let place: Workplace

  init() throws {
    place = try Workplace()
    try SmallFiles.write(in: place)
  }

  @Test("A file becomes a sound store with the same numbers")
  func imports() throws {
    let outcome = try place.succeed(["import", "train.safetensors", "store"])
    #expect(outcome.output.contains("store: 12 rows in float32"))
    #expect(outcome.output.contains("nothing is lost"))
    #expect(try place.succeed(["verify", "store"]).output.contains("sound, 12 rows"))
    let store = try GradientStore(opening: place.file("store"))
    #expect(store.layout.blocks.map(\.shape) == [[3, 4], [5]])
    #expect(Matrix(try store.rows(0..<12, of: 0, as: Float.self)) == SmallFiles.first)
  }

  @Test("A narrower type says what it loses; --quiet says nothing")
  func loss() throws {
    let outcome = try place.succeed(["import", "train.safetensors", "half", "--dtype", "float16"])
    #expect(outcome.output.contains("lost by float16"))
    #expect(outcome.output.contains("12 × 12 sampled rows"))
    let quiet = try place.succeed([
      "import", "train.safetensors", "brain", "--dtype", "bfloat16", "--quiet",
    ])
    #expect(quiet.output.isEmpty)
  }

  @Test(
    "Wrong inputs leave nothing behind",
    arguments: [
      BadInvocation("import train.safetensors", 64, "destination"),
      .init("import train.safetensors o --dtype int8", 64, "int8", "bfloat16"),
      .init("import train.safetensors train.safetensors", 64, "source"),
      .init("import missing o", 66, "missing"),
      .init("import unfinished o", 65, "unfinished"),
      .init("import empty.safetensors o", 65, "no rows"),
      .init("import nan.safetensors o", 65, "nan.safetensors", "row 4", "\"a\""),
      .init("import train.safetensors absent/o", 73, "absent"),
      .init("import train.safetensors cut.json", 73, "cut.json"),
      .init("import train.safetensors unfinished", 73, "unfinished"),
      .init("import train.safetensors full", 73, "full", "not empty"),
    ])
  func wrong(_ invocation: BadInvocation) throws {
    try place.write("notes", to: "full/notes.txt")
    func contents() throws -> [String] {
      try FileManager.default.subpathsOfDirectory(atPath: place.url.path).sorted()
    }
    let before = try contents()
    let outcome = try place.run(invocation.words)
    #expect(outcome.status == invocation.status, "\(outcome)")
    let message = try #require(outcome.onlyError)
    for piece in invocation.pieces { #expect(message.contains(piece), "\(message)") }
    #expect(try contents() == before)
  }
}
