import OrderedCollections
import TensorFiles

extension GradientStore {
  /// The examples' ids as their writer recorded them; nil where there are none.
  ///
  /// Of a whole store, as it was opened: rows of a part are not found again in its files.
  ///
  /// - Returns: An entry a row, nil for those without an id.
  /// - Throws: An error of `examples.jsonl`.
  /// - Complexity: reads all lines; memory for all ids.
  public func exampleIDs() throws -> [String?]? {
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
