internal import TensorFiles

/// Why a tokenizer could not be opened, or a text or ids could not be converted.
public enum TokenizerError: Error, Equatable, Sendable {
  /// A folder holds none of the files that a tokenizer is read from.
  case notFound(path: String, expected: [String])
  /// The file names a part that this library does not have.
  case unsupported(path: String, part: String, name: String)
  /// The file contradicts itself or its format at one place.
  case malformed(path: String, place: String, problem: String)
  /// A text has a character for which there is neither a token nor a token of unknown characters.
  case noToken(character: String)
  /// A greatest length leaves no room for the special tokens.
  case lengthTooSmall(maxLength: Int, specialTokens: Int)
  /// An id is not in the vocabulary.
  case idOutOfRange(id: Int, vocabularySize: Int)
}

extension TokenizerError: CustomStringConvertible {
  /// What happened, with what to do about it.
  public var description: String {
    switch self {
    case .notFound(let path, let expected):
      "\(path) has no tokenizer; give a folder that holds \(expected.joined(separator: ", or "))"
    case .unsupported(let path, let part, let name):
      "\(path) names the \(part) \(name.quoted), which is not supported; give a tokenizer without it"
    case .malformed(let path, let place, let problem):
      "\(path), \(place): \(problem); fetch the file again, or correct it"
    case .noToken(let character):
      "the tokenizer has no token for \(character.quoted), and none for unknown characters; remove it from the text"
    case .lengthTooSmall(let maxLength, let specialTokens):
      "a length of \(maxLength) tokens leaves no room beside \(specialTokens) special tokens; allow more"
    case .idOutOfRange(let id, let vocabularySize):
      "id \(id) is not in the vocabulary of \(vocabularySize) tokens; give ids of this tokenizer"
    }
  }
}
