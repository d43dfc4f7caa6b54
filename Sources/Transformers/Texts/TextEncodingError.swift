internal import TensorFiles

/// Why texts could not be turned into what a model takes; rows count from 0, as in the file.
public enum TextEncodingError: Error, Equatable, Sendable {
  /// The tokenizer cannot encode a text.
  case tokenizer(path: String, row: Int, reason: String)
  /// A text, with its prompt, has no token.
  case noTokens(path: String, row: Int)
  /// Texts have no token that is to be predicted after the ones before it.
  case nothingToPredict(path: String, rows: [Int], maxLength: Int)
  /// The tokenizer gives a token, or a type of it, that the model does not have.
  case unknownToken(path: String, row: Int, what: String, id: Int, count: Int)
  /// The model tells classes apart, and the texts have none.
  case noLabels(path: String)
  /// The texts have a class that the model does not.
  case labelOutOfRange(path: String, row: Int, label: Int, labelCount: Int)
  /// The texts have something that a model of this kind does not take.
  case notTaken(path: String, what: String, family: String)
  /// A length is out of range.
  case badLength(maxLength: Int, most: Int)
  /// The model does not say which token ends a text.
  case noEnd(family: String)
}

extension TextEncodingError: CustomStringConvertible {
  /// What happened, with what to do about it.
  public var description: String {
    switch self {
    case .tokenizer(let path, let row, let reason):
      "\(path.legible), row \(row): \(reason)"
    case .noTokens(let path, let row):
      "\(path.legible), row \(row): the text has no tokens; leave the row out, or give it a text"
    case .nothingToPredict(let path, let rows, let maxLength):
      "\(path.legible): within \(maxLength) tokens \(rows.count) rows have nothing that is to be predicted (\(rows.prefix(8).map(String.init).joined(separator: ", "))\(rows.count > 8 ? ", …" : "")); allow longer texts, or leave these rows out"
    case .unknownToken(let path, let row, let what, let id, let count):
      "\(path.legible), row \(row): the tokenizer gives the \(what) \(id), but the model has \(count); give the tokenizer that belongs to the model"
    case .noLabels(let path):
      "\(path.legible): the model tells classes apart, and no field of labels was named; name one"
    case .labelOutOfRange(let path, let row, let label, let labelCount):
      "\(path.legible), row \(row): label \(label) is not a class in 0 ..< \(labelCount); give labels of this model"
    case .notTaken(let path, let what, let family):
      "\(path.legible): models of the family \(family) take no \(what); name no such field, or choose another model"
    case .badLength(let maxLength, let most):
      "a greatest length of \(maxLength) tokens; choose one from 1 up to the model's \(most)"
    case .noEnd(let family):
      "the model, of the family \(family), does not say which token ends a text; leave texts without an end"
    }
  }
}
