internal import InfluenceKit
internal import OrderedCollections

/// What is known of the training examples that are shown, as the page's data.
enum ExampleData {
  /// By row.
  static func data(_ examples: ShownTexts) -> OrderedJSON {
    .object(
      OrderedDictionary(
        uniqueKeysWithValues: examples.rows.map { ("\($0)", data(examples[$0])) }))
  }

  static func data(_ example: ShownTexts.Example) -> OrderedJSON {
    [
      "text": example.text.map { PageText.context($0) } ?? false,
      "label": example.label.map { .string(PageText.name($0)) } ?? false,
      "id": example.id.map { .string(PageText.name($0)) } ?? false,
      "loss": example.loss.map { .string(PageNumbers.plain($0)) } ?? false,
    ]
  }
}
