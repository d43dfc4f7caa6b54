import TensorFiles

/// Why an adapter could not be made, opened or written; each case names the file or the setting.
///
/// What is wrong with single keys and tensors of a folder is told by ``TransformerError``.
public enum AdapterError: Error, Equatable, Sendable {
  /// What is at the path is no folder of PEFT with weights that are read here.
  case notAnAdapter(path: String, found: String)
  /// A setting has a value out of its range.
  case invalidSetting(setting: String, expected: String, found: String)
  /// A regular expression cannot be read.
  case invalidPattern(setting: String, pattern: String, problem: String)
  /// Targets describe no linear map of the model.
  case noMatch(targets: String, maps: [String])
  /// Targets describe a module that can have no pair here.
  case notAMap(module: String)
  /// The model cannot do what the adapter is for, or has no head of that name.
  case noHead(setting: String, found: String, supported: String)
  /// The file has numbers for a module that the model does not have.
  case otherModel(path: String, tensor: String, family: String)
  /// The file has a tensor that the configuration does not account for.
  case unexpectedTensor(path: String, tensor: String)
  /// A number of the file is infinite or none at all.
  case notFinite(path: String, tensor: String, row: Int)
  /// Gradients have a block that the adapter does not train, or one of another width.
  case otherBlocks(block: String, width: Int)
  /// The adapter would take more memory than the machine has for it.
  case tooLarge(parameters: Int)
}

extension AdapterError: CustomStringConvertible {
  /// One line: what was expected and found, and what to do.
  public var description: String {
    switch self {
    case .notAnAdapter(let path, let found):
      "\(path.legible): \(found); give a folder with adapter_config.json and adapter_model.safetensors"
    case .invalidSetting(let setting, let expected, let found):
      "\(setting): expected \(expected), found \(found.legible); correct it"
    case .invalidPattern(let setting, let pattern, let problem):
      "\(setting): the regular expression \(pattern.quoted) has \(problem); correct it, or name the "
        + "maps instead"
    case .noMatch(let targets, let maps):
      "no linear map of the model is called \(targets.legible); there are \(Self.listed(maps))"
    case .notAMap(let module):
      "the targets describe \(module.quoted) too, and only linear maps of layers can have a pair "
        + "here; name them more narrowly, or exclude it"
    case .noHead(let setting, let found, let supported):
      "\(setting): \(found.legible) does not go with this model (it goes with \(supported)); choose "
        + "another model, or change it"
    case .otherModel(let path, let tensor, let family):
      "\(path.legible): the model, a \(family), has no module for the tensor \(tensor.quoted); the "
        + "adapter is of another model"
    case .unexpectedTensor(let path, let tensor):
      "\(path.legible): the configuration gives no pair and no head for the tensor \(tensor.quoted); "
        + "get configuration and weights of one adapter"
    case .notFinite(let path, let tensor, let row):
      "\(path.legible): row \(row) of the tensor \(tensor.quoted) has a number that is not finite; "
        + "train the adapter again, with a smaller learning rate"
    case .otherBlocks(let block, let width):
      "the gradients have the block \(block.quoted) of \(width) numbers, which the adapter does not "
        + "train; take gradients of this adapter, as they were written"
    case .tooLarge(let parameters):
      "an adapter of \(parameters) numbers does not fit into memory; give smaller ranks or fewer targets"
    }
  }

  /// The last words of names, each once, with an end where there are many.
  private static func listed(_ maps: [String]) -> String {
    var endings: [String] = []
    for map in maps {
      // Layers differ by their numbers alone.
      let words = map.split(separator: ".")
      let place = words.lastIndex { $0.allSatisfy(\.isNumber) } ?? -1
      let ending = words[(place + 1)...].joined(separator: ".")
      if !endings.contains(ending) { endings.append(ending) }
    }
    let few = endings.prefix(20).joined(separator: ", ")
    return endings.count > 20 ? "\(few), and others" : few
  }
}
