import OrderedCollections
import TensorFiles

/// The ids, texts and labels of a store's examples, as somebody brings them.
package struct KnownExamples: Sendable {
  /// One per row, nil for rows without one; nil where none is known.
  package let ids: [String?]?, texts: [String?]?, labels: [String?]?

  /// Takes lists with one entry per row.
  package init(ids: [String?]? = nil, texts: [String?]? = nil, labels: [String?]? = nil) {
    (self.ids, self.texts, self.labels) = (ids, texts, labels)
  }

  /// What the line of an example says.
  func members(_ row: Int) -> ExampleReader.Members {
    var members: ExampleReader.Members = [:]
    for (name, values) in [("id", ids), ("text", texts), ("label", labels)] {
      if let value = values?[row] { members[name] = .string(value) }
    }
    return members
  }

  /// Tells these examples from others.
  func checksum() throws -> String {
    let count = [ids, texts, labels].compactMap { $0?.count }.max() ?? 0
    var checksum = Checksum()
    for row in 0..<count {
      let line = try ExampleReader.line(members(row))
      checksum.update(line.span)
    }
    return "\(checksum)"
  }
}
