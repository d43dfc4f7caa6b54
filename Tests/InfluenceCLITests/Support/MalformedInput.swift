import Testing

/// One thing wrong with a model, an adapter, a tokenizer or texts; the command that meets it, and what it must say.
struct MalformedInput: Sendable, CustomTestStringConvertible {
  let testDescription: String
  let words: [String]
  let status: Int32
  /// Parts of the message: the file, the place in it, what to do.
  let pieces: [String]
  /// Makes one thing wrong in the folder that ``Workplace/writeModelFiles()`` has filled.
  let damage: @Sendable (Workplace) throws -> Void

  /// A command line that succeeds where nothing is wrong.
  enum Line: String {
    case classes =
      "finetune --model bert --data train.jsonl --text sentence --label label"
    case answers =
      "finetune --model llama --data answers.jsonl --prompt prompt --text answer"
    case file =
      "finetune --model llama.gguf --data answers.jsonl --prompt prompt --text answer"
    case gradients =
      "gradients --model bert --adapter adapter --data train.jsonl --text sentence --label label"
  }

  /// - Parameters:
  ///   - name: What is wrong.
  ///   - line: The command.
  ///   - options: What follows it.
  ///   - status: The exit code.
  ///   - pieces: Parts of the message.
  ///   - damage: Makes it wrong.
  init(
    _ name: String, _ line: Line, _ options: String = "", status: Int32 = 65, says pieces: [String],
    damage: @escaping @Sendable (Workplace) throws -> Void = { _ in }
  ) {
    testDescription = name
    words = "\(line.rawValue) --output made \(options)".split(separator: " ").map(String.init)
    (self.status, self.pieces, self.damage) = (status, pieces, damage)
  }

  static let all = checkpoints + ggufFiles + adapters + tokenizers + texts
}
