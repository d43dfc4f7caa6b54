internal import TensorFiles

// The steps of a tokenizer.json before and after its model, each named by its `type`.

extension JSONField {
  /// The name of a step, and an error for a step that this library does not have.
  private func unsupported(_ part: String, _ name: String) -> TokenizerError {
    .unsupported(path: path, part: part, name: name)
  }

  private func bytes() throws -> [UInt8] { Array(try string().utf8) }

  /// A text to search for, which is not empty.
  private func pattern(_ part: String) throws -> [UInt8] {
    guard !self["String"].isNull else {
      throw unsupported(
        part, "Replace by the regular expression \(self["Regex"].value?.string ?? "")")
    }
    return try self["String"].nonEmptyBytes()
  }

  private func nonEmptyBytes() throws -> [UInt8] {
    let bytes = try bytes()
    guard !bytes.isEmpty else {
      throw TensorFileError.invalidField(
        path: path, field: name, expected: "a text", found: "an empty one")
    }
    return bytes
  }

  func normalizer() throws -> TextNormalizer? {
    if isNull { return nil }
    let type = try self["type"].string()
    switch type {
    case "Sequence":
      return .sequence(try self["normalizers"].elements().compactMap { try $0.normalizer() })
    case "BertNormalizer":
      let lowercases = try self["lowercase"].boolean(true)
      return .bert(
        cleans: try self["clean_text"].boolean(true),
        spacesIdeographs: try self["handle_chinese_chars"].boolean(true),
        stripsAccents: try self["strip_accents"].boolean(lowercases), lowercases: lowercases)
    case "Lowercase": return .lowercase
    case "Prepend": return .prepend(try self["prepend"].bytes())
    case "Replace":
      return .replace(try self["pattern"].pattern("normalizer"), by: try self["content"].bytes())
    default:
      guard let form = TextNormalizer.Form(rawValue: type) else {
        throw unsupported("normalizer", type)
      }
      return .form(form)
    }
  }

  func preTokenizer() throws -> PreTokenizer? {
    if isNull { return nil }
    let type = try self["type"].string()
    switch type {
    case "Sequence":
      let steps = try self["pretokenizers"].elements().compactMap { try $0.preTokenizer() }
      if steps.dropLast().contains(where: \.isByteLevel) {
        throw unsupported("pre-tokenizer", "Sequence in which ByteLevel is not the last step")
      }
      return .sequence(steps)
    case "BertPreTokenizer": return .bert
    case "ByteLevel":
      return .byteLevel(
        prefixes: try self["add_prefix_space"].boolean(true),
        cuts: try self["use_regex"].boolean(true))
    case "Digits": return .digits(individual: try self["individual_digits"].boolean(false))
    case "Metaspace":
      let (mark, prefix) = try metaspace()
      return .metaspace(replacement: mark, prefix: prefix, cuts: try self["split"].boolean(true))
    case "Split":
      let behavior = try self["behavior"].string()
      let expression = try self["pattern"]["Regex"].nonEmptyString() ?? "a fixed text"
      guard let pattern = WordPattern(expression: expression) else {
        throw unsupported("pre-tokenizer", "Split by \(expression)")
      }
      guard behavior == "Isolated", try !self["invert"].boolean(false) else {
        throw unsupported("pre-tokenizer", "Split with the behavior \(behavior), or inverted")
      }
      return .words(pattern)
    default: throw unsupported("pre-tokenizer", type)
    }
  }

  /// The mark of a `Metaspace` and where it is put; older files say only whether it is.
  private func metaspace() throws -> (mark: [UInt8], prefix: PreTokenizer.Prefix) {
    let mark =
      self["replacement"].isNull ? Array("▁".utf8) : try self["replacement"].nonEmptyBytes()
    let isAdded = try self["add_prefix_space"].boolean(true)
    let scheme = try self["prepend_scheme"].nonEmptyString() ?? (isAdded ? "always" : "never")
    guard let prefix = PreTokenizer.Prefix(rawValue: scheme) else {
      throw unsupported("pre-tokenizer", "Metaspace with the scheme \(scheme)")
    }
    return (mark, prefix)
  }

  func decoder() throws -> TokenDecoder {
    if isNull { return .spaces }
    let type = try self["type"].string()
    switch type {
    case "Sequence":
      return .sequence(try self["decoders"].elements().map { try $0.decoder() })
    case "ByteLevel": return .byteLevel
    case "WordPiece":
      return .wordPiece(
        prefix: try self["prefix"].nonEmptyBytes(), tidies: try self["cleanup"].boolean(true))
    case "Metaspace":
      let (mark, prefix) = try metaspace()
      return .metaspace(replacement: mark, dropsFirst: prefix != .never)
    case "Replace":
      return .replace(try self["pattern"].pattern("decoder"), by: try self["content"].bytes())
    case "ByteFallback": return .byteFallback
    case "Fuse": return .fuse
    case "Strip":
      return .strip(
        try self["content"].nonEmptyBytes(), start: try self["start"].integer(),
        end: try self["stop"].integer())
    default: throw unsupported("decoder", type)
    }
  }
}
