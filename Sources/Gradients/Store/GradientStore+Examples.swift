import OrderedCollections
import TensorFiles

extension GradientStore {
  /// The examples' ids, from memory or as the writer of the store recorded them; nil where there are none.
  ///
  /// - Returns: One entry per row, nil for those without an id.
  /// - Throws: An error of `examples.jsonl`.
  /// - Complexity: Reads all lines, and keeps all ids.
  public func exampleIDs() throws -> [String?]? {
    if let known = companions.exampleIDs { return known }
    var ids: [String?] = []
    var reader = try ExampleReader(of: self)
    // Some rows at a time, since other members of the lines are not kept.
    for rows in chunks(of: 1 << 16) {
      for (row, members) in try reader.take(rows) {
        guard let id = members["id"], row < count else { continue }
        if ids.isEmpty { ids = [String?](repeating: nil, count: count) }
        ids[row] = try id.string ?? id.serialized()
      }
    }
    return ids.isEmpty ? nil : ids
  }
}
