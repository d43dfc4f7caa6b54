/// Which fields of a file's examples are what.
public struct TextFields: Sendable, Hashable {
  /// The text.
  public var text: String
  /// The second text, for models that take two.
  public var pair: String?
  /// What stands before the text and is not learnt, for models that go on with a text.
  public var prompt: String?
  /// The class: an integer, or a name.
  public var label: String?
  /// The example's own name.
  public var id: String?

  /// Names the fields.
  public init(
    text: String, pair: String? = nil, prompt: String? = nil, label: String? = nil,
    id: String? = nil
  ) {
    self.text = text
    self.pair = pair
    self.prompt = prompt
    self.label = label
    self.id = id
  }
}
