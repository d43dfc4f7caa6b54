internal import TensorFiles

// The post-processor of a tokenizer.json: which special tokens stand around texts.

extension JSONField {
  /// The template that a post-processor stands for.
  ///
  /// - Parameter vocabulary: All tokens; those that the template names must be there.
  func template(in vocabulary: Vocabulary) throws -> TokenTemplate {
    try template(in: vocabulary, isWhole: true) ?? .bare
  }

  /// Nil for a step that adds no tokens.
  private func template(in vocabulary: Vocabulary, isWhole: Bool) throws -> TokenTemplate? {
    if isNull { return nil }
    let type = try self["type"].string()
    switch type {
    case "ByteLevel": return nil
    case "Sequence":
      let steps = try self["processors"].elements().compactMap {
        try $0.template(in: vocabulary, isWhole: false)
      }
      guard steps.count < 2 else {
        throw TokenizerError.unsupported(
          path: path, part: "post-processor", name: "Sequence of two that add tokens")
      }
      return steps.first
    case "BertProcessing", "RobertaProcessing":
      func id(_ key: String) throws -> Int {
        let pair = try self[key].elements()
        guard pair.count == 2 else {
          throw TensorFileError.invalidField(
            path: path, field: self[key].name, expected: "a token and its id",
            found: "\(pair.count) values")
        }
        return try pair[1].tokenID(in: vocabulary)
      }
      let (start, end) = (try id("cls"), try id("sep"))
      return type == "BertProcessing"
        ? .bert(start: start, end: end) : .roberta(start: start, end: end)
    case "TemplateProcessing":
      return TokenTemplate(
        single: try parts("single", texts: 1, in: vocabulary),
        pair: try parts("pair", texts: 2, in: vocabulary))
    default:
      throw TokenizerError.unsupported(path: path, part: "post-processor", name: type)
    }
  }

  private func parts(
    _ key: String, texts: Int, in vocabulary: Vocabulary
  ) throws -> [TokenTemplate.Part] {
    let parts = try self[key].elements().map { element -> TokenTemplate.Part in
      let text = element["Sequence"]
      if !text.isNull {
        let place = try text["id"].string()
        guard let index = ["A", "B"].firstIndex(of: place) else {
          throw TensorFileError.invalidField(
            path: path, field: text["id"].name, expected: "A or B", found: place)
        }
        return .text(index, type: try text["type_id"].integer())
      }
      let special = element["SpecialToken"]
      let ids = self["special_tokens"][try special["id"].string()]["ids"]
      return .tokens(
        try ids.elements().map { try $0.tokenID(in: vocabulary) },
        type: try special["type_id"].integer())
    }
    let found = parts.compactMap { if case .text(let index, _) = $0 { index } else { nil } }
    guard found == Array(0..<texts) else {
      throw TensorFileError.invalidField(
        path: path, field: self[key].name,
        expected: texts == 1 ? "A once" : "A and then B, once each",
        found: "\(found.map { $0 == 0 ? "A" : "B" })")
    }
    return parts
  }

  private func tokenID(in vocabulary: Vocabulary) throws -> Int {
    let id = try integer()
    guard vocabulary.tokens.indices.contains(id) else {
      throw TensorFileError.invalidField(
        path: path, field: name, expected: "an id in 0 ..< \(vocabulary.tokens.count)",
        found: "\(id)")
    }
    return id
  }
}
