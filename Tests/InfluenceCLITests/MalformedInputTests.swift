import InfluenceKit
import TestSupport
import Testing

/// What people may bring that is wrong, one thing at a time.
@Suite("Malformed models, adapters, tokenizers and texts")
struct MalformedInputTests {
  let place: Workplace

  init() throws {
    place = try Workplace(inMemory: ())
    try place.writeModelFiles()
  }

  @Test("Each ends with a line that names file, place and remedy", arguments: MalformedInput.all)
  func refused(_ input: MalformedInput) throws {
    try input.damage(place)
    let before = try place.names()
    let outcome = try place.run(input.words)
    #expect(outcome.status == input.status, "\(outcome)")
    #expect(outcome.output.isEmpty, "\(outcome)")
    let message = try #require(outcome.onlyError, "one error line: \(outcome.errors)")
    for piece in input.pieces {
      #expect(message.contains(piece), "'\(piece)' is not in: \(message)")
    }
    #expect(try place.names() == before, "nothing is left behind")
  }

  @Test(
    "Nothing else is wrong with these files",
    arguments: [
      MalformedInput.Line.classes, .answers, .file, .gradients,
    ])
  func accepted(_ line: MalformedInput.Line) throws {
    try place.succeed(
      "\(line.rawValue) --output made --quiet".split(separator: " ").map(String.init))
  }

  @Test("Texts that are too long are cut, which is said")
  func longTexts() throws {
    let long = String(repeating: "good film ", count: 20)
    try place.write(
      "{\"sentence\": \"\(long)\", \"label\": 1}\n{\"sentence\": \"bad\", \"label\": 0}\n",
      to: "train.jsonl")
    for line in [MalformedInput.Line.classes, .gradients] {
      let words = "\(line.rawValue) --output \(line)".split(separator: " ").map(String.init)
      let said = try place.succeed(words).output
      #expect(said.contains("1 text") && said.contains("cut"), "\(said)")
    }
  }
}
