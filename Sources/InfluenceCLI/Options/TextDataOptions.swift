public import ArgumentParser
import Foundation
public import InfluenceKit

/// Which fields of a file are the texts, prompts and labels of a language model, and how they are encoded.
struct TextDataOptions: ParsableArguments {
  @Option("The field of the text, or of the answer to --prompt.", value: "field") var text: String?
  @Option("The field of a second text.", value: "field") var textPair: String?
  @Option("The field of the class: integers from 0, or names.", value: "field") var label: String?
  @Option("The field of what stands before the text.", value: "field") var prompt: String?
  @Option("The field of the example's name; its row unless given.", value: "field") var id: String?
  @Option(
    "The most tokens of a text; the end of longer ones is cut. (default: all that the model takes)",
    number: "count", name: "max-length")
  var maxLength: Int?
  @Option(
    "Tokens that are learnt: all or answer. (default: answer with --prompt)", value: "tokens")
  var lossOn: TextEncoding.LossScope?
  @Option("How the losses of a text's tokens become one: mean or sum.", value: "kind")
  var lossReduction: TokenReduction = .mean
  @Flag(
    inversion: .prefixedNo,
    help: "Put the token that ends a text after it. (default: with --prompt)")
  var end: Bool?

  func validate() throws {
    try ValidationError.require(atLeast: 1, ("--max-length", maxLength))
    if label != nil, prompt != nil {
      throw ValidationError(
        "--label is for models that tell classes apart, --prompt for those that go on with a text: give one of them"
      )
    }
    if textPair != nil, label == nil {
      throw ValidationError("--text-pair goes with --label")
    }
    if label != nil {
      let others = [("--loss-on", lossOn != nil), ("--end", end != nil)].filter(\.1).map(\.0)
      if let other = others.first {
        throw ValidationError("\(other) is about tokens, and --label about classes: leave one out")
      }
    }
    if lossOn == .answer, prompt == nil {
      throw ValidationError("--loss-on answer needs --prompt: the answer stands behind it")
    }
  }

  /// The fields' names.
  ///
  /// - Parameter answers: Whether the model answers the prompts itself, so that these are all the text there is.
  func fields(answers: Bool = false) throws -> TextFields {
    if answers {
      guard let prompt else {
        throw ValidationError("--generate answers prompts: name their field with --prompt")
      }
      for (name, isGiven) in [
        ("--text", text != nil), ("--loss-on", lossOn != nil), ("--end", end != nil),
        ("--max-length", maxLength != nil),
      ]
      where isGiven {
        throw ValidationError(
          "\(name) is about texts of the file, and with --generate the model makes them: leave it out"
        )
      }
      return TextFields(text: prompt, id: id)
    }
    guard let text else { throw ValidationError("--text names the field of the texts: give it") }
    return TextFields(text: text, pair: textPair, prompt: prompt, label: label, id: id)
  }

  /// How texts are encoded.
  var encoding: TextEncoding.Settings {
    TextEncoding.Settings(maxLength: maxLength, lossOn: lossOn, addsEnd: end)
  }

  /// Refuses a model that does not do what the fields ask of it.
  func check(_ checkpoint: Checkpoint) throws {
    let family = checkpoint.configuration.family
    if checkpoint.isClassifier, label == nil {
      throw Failure.usage(
        "\(checkpoint.url.path): models of the family \(family) tell classes apart; name the field of the class with --label"
      )
    }
    if !checkpoint.isClassifier, label != nil {
      throw Failure.usage(
        "\(checkpoint.url.path): models of the family \(family) go on with texts, and have no classes here; give --prompt and --text, or --text alone, in place of --label"
      )
    }
  }

  static let discussion = """
    TEXTS
      --data takes a .jsonl file with an object in each line, a JSON array of
      objects, or a .csv or .tsv table with a header, packed by gzip or not.
      With --label a model tells classes apart (BERT, RoBERTa): of --text, or of
      the pair of --text and --text-pair. Without it the model learns to go on
      (Llama, Qwen2, GPT-2): with --text after --prompt, or with all of --text.
    """
}

extension TextEncoding.LossScope: ExpressibleByArgument {}
extension TokenReduction: ExpressibleByArgument {}
