import Foundation
import InfluenceKit

/// Readers of texts with fields.
extension Reader {
  /// Examples in every kind of file, with each field that they may have.
  static let texts = Reader(
    seeds: { _ in
      [
        "{\"t\": \"one\", \"u\": \"two\", \"y\": 1, \"i\": \"a\"}\n{\"t\": \"é\", \"u\": \"\", \"y\": 0, \"i\": 7}\n",
        #"[{"t": "one", "u": "two", "y": "good", "i": 1}, {"row": {"t": 2, "u": "x", "y": true, "i": 2}}]"#,
        #"{"data": [{"t": "one", "u": "two", "y": 1.5, "i": "a"}]}"#,
        "t,u,y,i\none,\"tw,o\",1,a\n\"a\nb\",,65535,b\n", "t\tu\ty\ti\n one \ttwo\tgood\t1",
      ].map { Array($0.utf8) }
    },
    read: { input, folder in
      let fields = [
        TextFields(text: "t", pair: "u", label: "y", id: "i"), TextFields(text: "u", prompt: "t"),
      ]
      var last: (any Error)?
      for name in ["e.jsonl", "e.json", "e.csv", "e.txt"] {
        let url = folder.appending(path: name)
        try Data(input).write(to: url)
        for fields in fields {
          do {
            try use(TextExamples(reading: url, fields: fields))
          } catch {
            last = error
          }
        }
        _ = try? TextExamples(reading: url, fields: fields[0], labelNames: ["bad", "good"])
      }
      if let last { throw last }
    })

  private static func use(_ examples: TextExamples) throws {
    let classes = examples.labelNames.indices
    guard examples.labels?.allSatisfy(classes.contains) ?? true,
      Set(examples.ids).count == examples.count
    else { fatalError("labels or ids out of order") }
    let flipped = try examples.flippingLabels(fraction: 0.5, seed: 1)
    guard flipped.noisy.count == examples.count else { fatalError("examples went missing") }
    _ = flipped.noisy.fingerprint
  }
}
