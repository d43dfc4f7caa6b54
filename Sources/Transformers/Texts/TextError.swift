import TensorFiles

/// Why a model cannot take a text; rows are counted from 0.
public enum TextError: Error, Equatable, Sendable {
  /// The text has no tokens.
  case empty(row: Int)
  /// The text has more tokens than the model has positions.
  case tooLong(row: Int, tokens: Int, most: Int)
  /// An id of a token or of a type is not one of the model's.
  case idOutOfRange(row: Int, kind: String, id: Int, count: Int)
  /// The types of tokens are not as many as the tokens.
  case typesDoNotFit(row: Int, types: Int, tokens: Int)
  /// A label is not one of the model's.
  case labelOutOfRange(row: Int, label: Int, count: Int)
  /// The text has a goal of another kind than the model's.
  case wrongGoal(row: Int, expected: String)
  /// No token is to be predicted.
  case nothingPredicted(row: Int)
  /// A text does not fit into the memory that may be used, even by itself.
  case tooLittleMemory(row: Int, tokens: Int, needed: Int, budget: Int)
  /// What is written beside the gradients does not fit into the memory that may be used.
  case tooLittleMemoryBeside(what: String, needed: Int, budget: Int)
  /// What was computed is not a finite number.
  case notFinite(row: Int, what: String)
}

extension TextError: CustomStringConvertible {
  /// One line: the row, what is wrong, and what to do.
  public var description: String {
    switch self {
    case .empty(let row):
      "row \(row): the text has no tokens; leave it out"
    case .tooLong(let row, let tokens, let most):
      "row \(row): the text has \(tokens) tokens, and the model takes at most \(most); cut it"
    case .idOutOfRange(let row, let kind, let id, let count):
      "row \(row): the \(kind) \(id) is not in 0 ..< \(count); use the tokenizer of this model"
    case .typesDoNotFit(let row, let types, let tokens):
      "row \(row): there are \(types) types for \(tokens) tokens; give one for each token, or none"
    case .labelOutOfRange(let row, let label, let count):
      "row \(row): the label \(label) is not in 0 ..< \(count); correct it, or give the model more labels"
    case .wrongGoal(let row, let expected):
      "row \(row): the model wants \(expected) as a text's goal"
    case .nothingPredicted(let row):
      "row \(row): no token is left to be predicted; allow longer texts, or leave it out"
    case .tooLittleMemory(let row, let tokens, let needed, let budget):
      "row \(row): its \(tokens) tokens need about \(needed >> 20) MB, and \(budget >> 20) MB may be used; "
        + "allow more memory, or cut texts shorter"
    case .tooLittleMemoryBeside(let what, let needed, let budget):
      "with \(what) about \(needed >> 20) MB are needed, and \(budget >> 20) MB may be used; "
        + "allow more memory, or leave them out"
    case .notFinite(let row, let what):
      "row \(row): \(what) is not a finite number; look for weights or an adapter that have overflowed"
    }
  }
}
