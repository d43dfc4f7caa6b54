internal import Foundation
internal import InfluenceKit

/// The three sets of DataInf's experiment with a language model (arXiv 2310.00902, section 5.3): ten kinds each, 90 training
/// examples and 10 others of each kind.
enum PublishedTasks: String, CaseIterable, Sendable {
  case sentences
  case math
  case mathReasons = "math-reasons"

  private var fileName: String {
    switch self {
    case .sentences: "sentence_transformation"
    case .math: "math_without_reason"
    case .mathReasons: "math_with_reason"
    }
  }

  /// Reads both files of the set.
  ///
  /// Their field `text` is the prompt, how it goes on, and the end of a text as Llama 2 writes it; what is between becomes
  /// the text here, and the model's own end follows it when it is encoded.
  ///
  /// - Throws: `DataFileError`; ``ExperimentError`` where a text does not begin with its prompt.
  func examples(
    _ settings: Settings, key: String
  ) throws -> (training: TextExamples, queries: TextExamples) {
    let folder = try settings.dataFolder().appending(path: "generation")
    let training = try part("train", in: folder, names: nil, settings, key)
    return (
      training, try part("test", in: folder, names: training.labelNames, settings, key)
    )
  }

  private func part(
    _ name: String, in folder: URL, names: [String]?, _ settings: Settings, _ key: String
  ) throws -> TextExamples {
    let file = try TextExamples(
      reading: folder.appending(path: "\(fileName)_\(name).jsonl"),
      fields: TextFields(text: "text", prompt: "prompt", label: "variation"), labelNames: names)
    let prompts = file.prompts ?? []
    let texts = try zip(file.texts, prompts).enumerated().map { row, example in
      let (text, prompt) = example
      guard text.hasPrefix(prompt) else {
        throw settings.invalid(
          key,
          "\(file.path), row \(row): the text does not begin with its prompt; give the data set as it was published"
        )
      }
      let continuation = text.dropFirst(prompt.count)
      return String(
        continuation.hasSuffix(Self.end) ? continuation.dropLast(Self.end.count) : continuation)
    }
    return TextExamples(
      path: file.path, texts: texts, prompts: prompts, labels: file.labels ?? [],
      labelNames: file.labelNames)
  }

  private static let end = "</s>"
}
