import ArgumentParser
import Data
import Foundation
import InfluenceKit

/// Times tokenizers on one text of some megabytes, and prints megabytes per second of one core.
@main
struct Tokenizing: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "Tokenizing",
    abstract: "Times tokenizers on real texts, on one thread.",
    discussion: """
      The texts are the strings in JSONL files, each encoded by itself, again and again until there are --megabytes of them. \
      An encoding is timed with an empty table of words and with one that has met the texts before. Tokenizers take \
      turns, so that a busy moment of the machine meets all of them; medians count.

        swift run -c release --package-path Benchmarks Tokenizing \\
          --texts ../shared/data/glue/*.jsonl ../shared/data/generation/*.jsonl \\
          --tokenizers ../shared/data/tokenizers/* ../shared/data/tiny-llama models/smollm2.gguf models/minilm
      """)

  @Option(parsing: .upToNextOption, help: "JSONL files whose strings are the texts.")
  var texts: [String]
  @Option(
    parsing: .upToNextOption,
    help: "Folders or files of tokenizers, or GGUF files of models.")
  var tokenizers: [String]
  @Option(help: "Megabytes of text in each encoding.") var megabytes = 4.0
  @Option(help: "Timed encodings of each; the median counts.") var repeats = 5

  func run() throws {
    let lines = try chosenTexts()
    let bytes = lines.reduce(0) { $0 + $1.utf8.count }
    print("\(lines.count) texts, \(bytes) bytes, one thread")
    let made = try tokenizers.map(tokenizer)
    let fresh = try rates(of: made, on: lines, bytes: bytes) { try tokenizer(tokenizers[$0]) }
    let again = try rates(of: made, on: lines, bytes: bytes) { made[$0] }
    print("\nMB/s        first  again  tokens")
    for (index, path) in tokenizers.enumerated() {
      let name = URL(filePath: path).lastPathComponent
      let count = try tokens(of: lines, by: made[index])
      print(
        String(format: "%10.2f %6.2f %7d  ", fresh[index], again[index], count) + name)
    }
  }

  private func tokenizer(_ path: String) throws -> Tokenizer {
    let url = URL(filePath: path)
    return url.pathExtension == "gguf"
      ? try Checkpoint(opening: url).tokenizer() : try Tokenizer(opening: url)
  }

  /// The strings of the files in their order, begun again until there are enough bytes.
  private func chosenTexts() throws -> [String] {
    var strings: [String] = []
    for path in texts {
      let file = try String(contentsOf: URL(filePath: path), encoding: .utf8)
      for line in file.split(separator: "\n") {
        let json = try OrderedJSON(parsing: Array(line.utf8), path: path)
        strings += json.object?.values.compactMap(\.string) ?? []
      }
    }
    guard !strings.isEmpty else { throw ValidationError("the files hold no strings") }
    var (chosen, bytes) = ([String](), 0)
    while Double(bytes) < megabytes * 1e6 {
      chosen.append(strings[chosen.count % strings.count])
      bytes += chosen[chosen.count - 1].utf8.count
    }
    return chosen
  }

  private func tokens(of texts: [String], by tokenizer: Tokenizer) throws -> Int {
    try texts.reduce(0) { try $0 + tokenizer.encode($1).ids.count }
  }

  /// Megabytes per second of each tokenizer, by the median time.
  ///
  /// - Parameter make: Gives the tokenizer of a place in the list, before its time is taken.
  private func rates(
    of made: [Tokenizer], on texts: [String], bytes: Int, make: (Int) throws -> Tokenizer
  ) throws -> [Double] {
    var seconds = [[Double]](repeating: [], count: made.count)
    for _ in 0..<max(1, repeats) {
      for index in made.indices {
        let tokenizer = try make(index)
        let time = try ContinuousClock().measure { _ = try tokens(of: texts, by: tokenizer) }
        let (whole, parts) = time.components
        seconds[index].append(Double(whole) + Double(parts) * 1e-18)
      }
    }
    return seconds.map { Double(bytes) / $0.sorted()[$0.count / 2] / 1e6 }
  }
}
