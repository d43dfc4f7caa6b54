import OrderedCollections
package import TensorFiles

/// CRC-32C of the files of a store, by ranges of rows, so that damage can be located.
///
/// Ranges start at multiples of ``rowsPerRange``, and the last may be shorter. Where they are does not
/// depend on when rows were committed: a store that was resumed has the same checksums as one that was
/// written at one go.
package struct StoreChecksums: Sendable, Hashable {
  /// The checksum of some rows of `gradients.bin`.
  package struct RowRange: Sendable, Hashable {
    package let rows: Range<Int>
    package let checksum: Checksum
  }

  /// Rows that share a checksum.
  package let rowsPerRange: Int
  /// One checksum per range, in order and without gaps.
  package private(set) var ranges: [RowRange] = []
  /// The checksum of `squared_norms.bin`.
  package internal(set) var norms = Checksum()
  /// The checksum of `examples.jsonl`.
  package internal(set) var examples = Checksum()
  /// The checksum of `scales.bin`; nil in stores of other types than int8, which have no such file.
  package internal(set) var scales: Checksum?

  /// No rows yet.
  init(rowsPerRange: Int, of elementType: ElementType) {
    self.rowsPerRange = rowsPerRange
    scales = elementType == .int8 ? Checksum() : nil
  }

  /// The rows that make 64 MiB, and at least one: some 16 ranges per gigabyte.
  static func rowsPerRange(rowBytes: Int) -> Int { max(1, (64 << 20) / max(1, rowBytes)) }

  /// Goes on with rows that follow those so far.
  mutating func append(rows: Range<Int>, rowBytes: Int, of map: MemoryMap) throws {
    var next = rows.lowerBound
    while next < rows.upperBound {
      var start = next
      var checksum = Checksum()
      if let last = ranges.last, last.rows.count < rowsPerRange {
        ranges.removeLast()
        start = last.rows.lowerBound
        checksum = last.checksum
      }
      let end = min(rows.upperBound, start + min(rowsPerRange, rows.upperBound - start))
      try checksum.update(map, range: next * rowBytes..<end * rowBytes)
      ranges.append(RowRange(rows: start..<end, checksum: checksum))
      next = end
    }
  }

  /// As it stands in the manifest.
  var json: OrderedJSON {
    var members: OrderedDictionary<String, OrderedJSON> = [
      "rows_per_range": .integer(rowsPerRange),
      "gradients.bin": .array(
        ranges.map { range in
          [
            "first_row": .integer(range.rows.lowerBound), "rows": .integer(range.rows.count),
            "crc32c": .string(range.checksum.description),
          ]
        }),
      "squared_norms.bin": .string(norms.description),
      "examples.jsonl": .string(examples.description),
    ]
    if let scales { members[StoreFile.scales] = .string(scales.description) }
    return .object(members)
  }

  /// Reads what a manifest holds.
  ///
  /// - Throws: ``GradientStoreError/invalidField(path:field:reason:)`` where the ranges are not the
  ///   store's rows, one after the other.
  init(
    json: OrderedJSON, rows: Int, elementType: ElementType, path: String
  ) throws(GradientStoreError) {
    func invalid(_ field: String, _ reason: String) -> GradientStoreError {
      .invalidField(
        path: path, field: "checksums.\(field)", reason: reason + "; restore it from a copy")
    }
    func checksum(_ value: OrderedJSON?, _ field: String) throws(GradientStoreError) -> Checksum {
      guard let checksum = value?.string.flatMap(Checksum.init) else {
        throw invalid(field, "is not eight hexadecimal digits")
      }
      return checksum
    }
    guard let size = json["rows_per_range"]?.integer, size > 0 else {
      throw invalid("rows_per_range", "is not a number of rows")
    }
    rowsPerRange = size
    guard let entries = json["gradients.bin"]?.array else {
      throw invalid("gradients.bin", "is not an array")
    }
    var next = 0
    for (index, entry) in entries.enumerated() {
      let field = "gradients.bin[\(index)]"
      guard entry["first_row"]?.integer == next, let count = entry["rows"]?.integer,
        count == min(size, rows - next), count > 0
      else { throw invalid(field, "does not follow the rows before it") }
      ranges.append(
        RowRange(
          rows: next..<next + count, checksum: try checksum(entry["crc32c"], field + ".crc32c")))
      next += count
    }
    guard next == rows else {
      throw invalid("gradients.bin", "covers \(next) of \(rows) rows")
    }
    norms = try checksum(json["squared_norms.bin"], "squared_norms.bin")
    examples = try checksum(json["examples.jsonl"], "examples.jsonl")
    if elementType == .int8 {
      scales = try checksum(json[StoreFile.scales], StoreFile.scales)
    }
  }
}
