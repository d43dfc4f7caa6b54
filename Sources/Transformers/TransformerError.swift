import TensorFiles

/// Why a checkpoint of a language model could not be opened or read; each case names the file and the place in it.
public enum TransformerError: Error, Equatable, Sendable {
  /// What is at the path is no checkpoint of a kind that is read here.
  case notACheckpoint(path: String, found: String)
  /// The configuration lacks a key that has no default.
  case missingKey(path: String, key: String)
  /// A key of the configuration has a value of the wrong kind or out of its range.
  case invalidKey(path: String, key: String, expected: String, found: String)
  /// The configuration asks for something that is not computed here.
  case unsupported(path: String, key: String, found: String, supported: String)
  /// The model needs a tensor that no file holds.
  case missingTensor(path: String, tensor: String, shape: [Int])
  /// A tensor has another shape than the configuration says.
  case wrongShape(path: String, tensor: String, expected: [Int], found: [Int])
  /// The numbers of a tensor are stored in a type that is not read here.
  case unsupportedType(path: String, tensor: String, found: String, supported: String)
  /// Two stored tensors have the same name, or names that mean the same tensor.
  case repeatedTensor(path: String, tensor: String, names: [String])
  /// The checkpoint has no tensor of that name.
  case unknownTensor(path: String, tensor: String)
  /// The tokenizer has more tokens than the model.
  case otherTokenizer(path: String, tokens: Int, vocabulary: Int)
  /// Neither the checkpoint nor the adapter has a tensor that tells classes apart.
  case noHead(path: String, tensor: String)
}

extension TransformerError: CustomStringConvertible {
  /// One line: the file, the place, what was expected and found, and what to do.
  public var description: String {
    switch self {
    case .notACheckpoint(let path, let found):
      "\(path.legible): \(found); give a folder with config.json and model.safetensors, or a .gguf file"
    case .missingKey(let path, let key):
      "\(path.legible): \(key.quoted) is missing; add it as the model or the adapter was made with it"
    case .invalidKey(let path, let key, let expected, let found):
      "\(path.legible): \(key.quoted): expected \(expected), found \(found.legible); correct it"
    case .unsupported(let path, let key, let found, let supported):
      "\(path.legible): \(key.quoted) is \(found.legible), which is not supported here (supported: "
        + "\(supported)); choose another model or adapter"
    case .missingTensor(let path, let tensor, let shape):
      "\(path.legible): the tensor \(tensor.quoted) of shape \(shape) is missing; the weights are "
        + "incomplete or of another model than the configuration, get both again"
    case .wrongShape(let path, let tensor, let expected, let found):
      "\(path.legible): the tensor \(tensor.quoted) has shape \(found), but the configuration says "
        + "\(expected); get weights and configuration of one model"
    case .unsupportedType(let path, let tensor, let found, let supported):
      "\(path.legible): the tensor \(tensor.quoted) is stored as \(found.legible), which is not read "
        + "here (read: \(supported)); choose a file of such a type"
    case .repeatedTensor(let path, let tensor, let names):
      "\(path.legible): \(names.map(\.quoted).joined(separator: " and ")) are both the tensor "
        + "\(tensor.quoted); remove one of them"
    case .unknownTensor(let path, let tensor):
      "\(path.legible): the model has no tensor \(tensor.quoted); its tensor names list them all"
    case .otherTokenizer(let path, let tokens, let vocabulary):
      "\(path.legible): the tokenizer has \(tokens) tokens, and the model takes \(vocabulary); give "
        + "the tokenizer that belongs to the model"
    case .noHead(let path, let tensor):
      "\(path.legible): neither the checkpoint nor the adapter has the tensor \(tensor.quoted), without "
        + "which the model does not tell classes apart; give an adapter that was trained with it, or "
        + "a checkpoint that has it"
    }
  }
}
