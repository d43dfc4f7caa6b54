import OrderedCollections

extension SafetensorsFile {
  /// The member of the metadata that holds the file's checksum.
  package static let checksumKey = "crc32c"
  /// What stands in its place while it is computed.
  static let noChecksum = "00000000"

  /// Compares the file with the checksum in its metadata: CRC-32C of all its bytes, with zeros for the eight digits of
  /// the checksum.
  ///
  /// - Returns: Whether there is one; files of other programs have none.
  /// - Throws: ``TensorFileError/wrongChecksum(path:recorded:found:)``.
  /// - Complexity: reads every byte, at about the rate of memory.
  package func verify() throws(TensorFileError) -> Bool {
    guard let recorded = metadata[Self.checksumKey] else { return false }
    let headerEnd = tensors.values.first?.byteRange.lowerBound ?? map.count
    guard let place = Self.placeOfChecksum(recorded, in: try map.bytes(in: 8..<headerEnd)) else {
      // Spelled in another way, it is not one that was written here.
      throw .wrongChecksum(path: map.path, recorded: recorded, found: "a header of another layout")
    }
    var found = Checksum()
    try found.update(map, range: 0..<place)
    found.update(Array(Self.noChecksum.utf8).span)
    try found.update(map, range: place + Self.noChecksum.utf8.count..<map.count)
    guard recorded == found.description else {
      throw .wrongChecksum(path: map.path, recorded: recorded, found: found.description)
    }
    return true
  }

  /// Where the digits of the checksum stand in a file whose header, after its length, is `header`.
  static func placeOfChecksum(_ checksum: String, in header: [UInt8]) -> Int? {
    // No text inside a string looks like this: its quotes would follow backslashes.
    let key = Array("\"\(checksumKey)\":\"".utf8)
    let pattern = key + Array("\(checksum)\"".utf8)
    guard header.count >= pattern.count, checksum.utf8.count == noChecksum.utf8.count else {
      return nil
    }
    return (0...header.count - pattern.count).first { start in
      header[start] == pattern[0] && header[start..<start + pattern.count].elementsEqual(pattern)
    }.map { 8 + $0 + key.count }
  }
}
