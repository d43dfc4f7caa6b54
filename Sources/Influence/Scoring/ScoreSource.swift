public import Gradients
package import TensorFiles

/// What scores were computed from: the training examples, or the queries.
public enum ScoreSource: Sendable {
  /// Gradients.
  case gradients(GradientStore)
  /// What the model's last layer reads.
  case representations(RepresentedExamples)

  /// The examples' ids as they were recorded; nil where there are none.
  ///
  /// - Returns: One entry per row, nil for rows without an id.
  /// - Throws: An error of `examples.jsonl`.
  /// - Complexity: reads the line of every example.
  public func exampleIDs() throws -> [String?]? {
    try store?.exampleIDs()
  }

  /// The ids of some examples, where they were recorded.
  ///
  /// - Throws: An error of `examples.jsonl`.
  /// - Complexity: reads the line of every example, and keeps the ids that are asked for.
  func exampleIDs(ofRows rows: Set<Int>) throws -> [Int: String] {
    try store?.exampleIDs(ofRows: rows) ?? [:]
  }

  /// The texts of some examples, where they were recorded; as ``exampleIDs(ofRows:)``.
  func exampleTexts(ofRows rows: Set<Int>) throws -> [Int: String] {
    try store?.exampleTexts(ofRows: rows) ?? [:]
  }

  /// Whether texts were recorded.
  func hasExampleTexts() throws -> Bool { try store?.hasExampleTexts() ?? false }

  private var store: GradientStore? {
    switch self {
    case .gradients(let store): store
    case .representations(let examples): examples.store
    }
  }

  /// What a record says of the source; see ``GradientStore/record()``.
  ///
  /// - Throws: An error from reading it.
  func record() throws -> OrderedJSON {
    switch self {
    case .gradients(let store): try store.record()
    case .representations(let examples): try examples.record()
    }
  }
}

extension GradientStore {
  /// What a record says of the store.
  ///
  /// `crc32c` is the checksum of the bytes as they were read in this run, `crc32c_as_recorded` that of the store's
  /// writer where they were not compared with it.
  ///
  /// - Throws: An error from reading it.
  /// - Complexity: reads every byte, unless the writer recorded the checksum.
  package func record() throws -> OrderedJSON {
    let checksum = OrderedJSON.text(try checksum())
    let about: OrderedJSON = [
      "path": .string(name),
      "kind": .string(kind.rawValue),
      "rows": .integer(count),
      "columns": .integer(layout.columnCount),
      "dtype": .string(Set(elementTypes.map(\.name)).sorted().joined(separator: "+")),
      "projection": .text(projection),
    ]
    let isComputed = checksumIsComputed || checksum == .null
    return about.adding(isComputed ? ["crc32c": checksum] : ["crc32c_as_recorded": checksum])
  }

  /// How many bytes one pass reads.
  package var bytesPerPass: Int {
    layout.blocks.indices.reduce(0) { $0 + count * bytesPerRow(ofBlock: $1) }
  }
}
