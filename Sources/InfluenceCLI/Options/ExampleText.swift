import InfluenceKit
import OrderedCollections

/// How the text of an example is found in what a file holds of it.
struct ExampleText {
  /// The field that holds the text; guessed unless given.
  let field: String?
  /// The field that holds the label; guessed unless given.
  var labelField: String?
  /// The file, for errors.
  let path: String

  /// The first of these that holds a text is shown; `content` is that of a message.
  private static let keys = [
    "text", "prompt", "sentence", "instruction", "question", "input", "content", "id",
  ]
  private static let chats = ["messages", "conversations", "conversation"]

  /// The text of one example.
  ///
  /// - Throws: ``Failure`` where the named field is not there, or the example is neither a text nor an object.
  func text(of json: OrderedJSON, index: Int) throws -> String {
    if let text = json.string, field == nil { return text }
    guard let object = ExampleFile.members(of: json) else {
      throw Failure.data(
        field.map {
          "\(path): example \(index) is \(json.kind) and has no field \($0.quoted); leave --text out"
        } ?? "\(path): example \(index) is \(json.kind), not a string or an object; give its text")
    }
    if let field {
      guard let value = object[field] else {
        throw Failure.data(
          "\(path): example \(index) has no field \(field.quoted); it has \(object.keys.prefix(8).map(\.quoted).joined(separator: ", "))"
        )
      }
      return try Self.chat(value) ?? value.string ?? value.serialized()
    }
    return try Self.guess(object) ?? json.serialized()
  }

  /// The id of one example; nil where it has none.
  func id(of json: OrderedJSON) throws -> String? {
    guard let id = ExampleFile.members(of: json)?["id"], id != .null else { return nil }
    return try id.string ?? id.serialized()
  }

  private static let labels = ["label", "labels", "class", "target", "sentiment"]

  /// The label of one example; nil where no field looks like one.
  ///
  /// - Throws: ``Failure`` where the named field is not there.
  func label(of json: OrderedJSON, index: Int) throws -> String? {
    let object = ExampleFile.members(of: json) ?? [:]
    if let labelField, object[labelField] == nil {
      throw Failure.data(
        "\(path): example \(index) has no field \(labelField.quoted); it has \(object.keys.prefix(8).map(\.quoted).joined(separator: ", "))"
      )
    }
    let found = (labelField.map { [$0] } ?? Self.labels).lazy.compactMap { object[$0] }.first
    guard let found, found != .null else { return nil }
    return try found.string ?? found.serialized()
  }

  /// The loss of one example; nil where it has none.
  func loss(of json: OrderedJSON) -> Double? {
    let value = ExampleFile.members(of: json)?["loss"]
    return value?.number ?? value?.string.flatMap { Double($0) }
  }

  /// What the model says of one example; nil where that is not known.
  func prediction(of json: OrderedJSON) throws -> String? {
    let object = ExampleFile.members(of: json) ?? [:]
    guard let found = object["predicted"] ?? object["prediction"], found != .null else {
      return nil
    }
    return try found.string ?? found.serialized()
  }

  private static func guess(_ object: OrderedDictionary<String, OrderedJSON>) -> String? {
    if let chat = chats.lazy.compactMap({ object[$0].flatMap(chat) }).first { return chat }
    let texts = keys.lazy.compactMap { object[$0]?.string }
    guard let text = texts.first(where: { !$0.isEmpty }) ?? texts.first else { return nil }
    // An instruction and what it is about, as Alpaca's are.
    let input = object["instruction"]?.string == text ? object["input"]?.string ?? "" : ""
    return input.isEmpty ? text : "\(text) ⏎ \(input)"
  }

  /// A list of messages with role and content, or from and value; nil for anything else.
  private static func chat(_ json: OrderedJSON) -> String? {
    guard let messages = json.array else { return nil }
    let turns = messages.compactMap { $0["content"]?.string ?? $0["value"]?.string }
    return turns.isEmpty ? nil : turns.joined(separator: " ⏎ ")
  }
}
