import Foundation
package import Gradients
package import TensorFiles

extension SearchResults {
  /// Writes what was found as a table, as ``ScoreDestination/top(_:at:)`` has it, and a record beside it.
  ///
  /// - Parameters:
  ///   - file: A `.csv` file.
  ///   - index: What was searched.
  ///   - queries: The queries.
  ///   - top: How many examples of each side were looked for.
  ///   - details: What the program adds to the record.
  /// - Throws: An error of the stores' examples, or of writing.
  package func write(
    to file: RecordedFile, index: ScoreIndex, queries store: GradientStore, top: Int,
    details: RecordDetails
  ) throws {
    var writer = try TopTableWriter(
      at: file.url, count: top, convention: .helpful, queryIDs: store.exampleIDs(),
      exampleIDs: .read(.gradients(index.store)), exampleCount: index.store.count,
      exampleTexts: index.store.hasExampleTexts() ? .read(.gradients(index.store)) : nil)
    for (query, result) in queries.enumerated() { try writer.append(result.top, query: query) }
    let table = try writer.finish()
    try file.commit(
      table,
      record: record(index: index, queries: store, top: top).adding([
        "warnings": .list(warnings.map(details.wording))
      ]).adding(details.program))
  }

  /// What a record says of a search.
  ///
  /// - Throws: An error of reading the stores for their checksums.
  package func record(
    index: ScoreIndex, queries store: GradientStore, top: Int
  ) throws -> OrderedJSON {
    [
      "format": "influencekit-top-scores", "version": 1, "method": .string(index.about.method),
      "damping": .string("\(index.about.damping)"),
      "convention": .string(ScoreConvention.helpful.rawValue),
      "rows": .integer(queries.count),
      "columns": .integer(index.store.count),
      "searched": .integer(rowCount),
      "axes": ["query", "training example"],
      "top": .integer(top),
      "train": try index.store.record(),
      "indexed_from": .string(index.about.trainingPath),
      "query": try store.record(),
      "certainty": certainty,
      "seconds": ["scan": .number(scanSeconds), "rerank": .number(rerankSeconds)],
    ]
  }

  private var certainty: OrderedJSON {
    guard let share = certainShare else { return .null }
    func list(_ key: KeyPath<SearchResult, Int?>) -> OrderedJSON {
      .array(queries.map { $0[keyPath: key].map { .integer($0) } ?? .null })
    }
    return [
      "share": .number(share), "queries": .integer(certainQueries),
      "helpful_per_query": list(\.certainHelpful), "harmful_per_query": list(\.certainHarmful),
      "bound_per_query": .array(queries.map { .finite($0.bound) }),
      "about":
        "how many of the examples certainly belong to the top of all rows searched, whatever the index lost when its rows were rounded; bound: the most that a candidate's score in the index can be off",
    ]
  }
}
