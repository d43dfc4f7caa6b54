internal import InfluenceKit

/// What a report says, computed from stores: numbers and texts, no markup.
///
/// A part without its data is nil, and left out of the page.
package struct ReportContents: Sendable {
  /// What the report is called: the folder of the stores, or their names.
  package var title: String
  /// What is known of the training examples that are shown.
  package var examples: ShownTexts
  package var training: StoreFacts
  package var queries: QueryPart?
  package var suspects: SuspectPart?
  package var duplicates: DuplicatePart?
  package var trust: TrustPart
  package var provenance: Provenance

  /// What is said of a store.
  package struct StoreFacts: Sendable {
    package var name: String
    package var count: Int
    package var columnCount: Int
    package var blockCount: Int
    /// The distinct labels, where all examples have one and there are few of them.
    package var labelNames: [String]
    /// Rows whose labels are known to be wrong; nil where none are named.
    package var flipped: Set<Int>?
    package var hasTexts: Bool

    package init(
      name: String, count: Int, columnCount: Int, blockCount: Int, labelNames: [String] = [],
      flipped: Set<Int>? = nil, hasTexts: Bool
    ) {
      (self.name, self.count, self.columnCount) = (name, count, columnCount)
      (self.blockCount, self.labelNames, self.flipped) = (blockCount, labelNames, flipped)
      self.hasTexts = hasTexts
    }
  }

  /// Enough to make the page again.
  package struct Provenance: Sendable {
    /// The command line, word by word.
    package var command: [String]
    /// Names and values: version, system, stores with their checksums.
    package var facts: [(name: String, value: String)]

    package init(command: [String], facts: [(name: String, value: String)]) {
      (self.command, self.facts) = (command, facts)
    }
  }
}
