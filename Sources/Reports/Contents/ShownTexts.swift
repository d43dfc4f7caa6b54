/// Training examples that are shown somewhere, by their rows.
package struct ShownTexts: Sendable {
  /// What is known of one example.
  package struct Example: Sendable, Equatable {
    /// The id, where it says more than the row.
    package var id: String?
    package var text: String?
    package var label: String?
    package var loss: Double?

    package init(
      id: String? = nil, text: String? = nil, label: String? = nil, loss: Double? = nil
    ) {
      (self.id, self.text, self.label, self.loss) = (id, text, label, loss)
    }
  }

  private let examples: [Int: Example]

  package init(_ examples: [Int: Example]) { self.examples = examples }

  /// What is known of an example; nothing of one that is not shown.
  package subscript(row: Int) -> Example { examples[row] ?? Example() }
  /// The rows, ascending.
  package var rows: [Int] { examples.keys.sorted() }
}
