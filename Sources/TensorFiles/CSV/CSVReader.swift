/// Reads comma-separated values after RFC 4180, one record at a time.
///
/// A megabyte of the file is in memory at a time, so that the file may be of any size.
package struct CSVReader {
  /// How many records were read so far.
  package private(set) var line = 0
  private let map: MemoryMap
  private var offset = 0
  private var buffer: [UInt8] = []
  private var place = 0

  /// Starts at the first record.
  package init(_ map: MemoryMap) { self.map = map }

  /// The fields of the next record; nil after the last.
  ///
  /// - Throws: ``TensorFileError`` where the file cannot be read.
  package mutating func next() throws(TensorFileError) -> [String]? {
    var fields: [String] = []
    var field: [UInt8] = []
    var isQuoted = false
    var wasClosed = false
    var isEmpty = true
    while let byte = try byte() {
      isEmpty = false
      switch byte {
      // A doubled mark closes and opens again; the mark itself is kept.
      case UInt8(ascii: "\""):
        if wasClosed, !isQuoted { field.append(byte) }
        wasClosed = isQuoted
        isQuoted.toggle()
      case UInt8(ascii: ",") where !isQuoted:
        fields.append(String(decoding: field, as: UTF8.self))
        field = []
        wasClosed = false
      case UInt8(ascii: "\n") where !isQuoted:
        line += 1
        if field.last == UInt8(ascii: "\r") { field.removeLast() }
        return fields + [String(decoding: field, as: UTF8.self)]
      default: field.append(byte)
      }
    }
    if isEmpty { return nil }
    line += 1
    return fields + [String(decoding: field, as: UTF8.self)]
  }

  private mutating func byte() throws(TensorFileError) -> UInt8? {
    if place == buffer.count {
      let end = min(map.count, offset + (1 << 20))
      guard offset < end else { return nil }
      buffer = try map.bytes(in: offset..<end)
      (offset, place) = (end, 0)
    }
    defer { place += 1 }
    return buffer[place]
  }
}
