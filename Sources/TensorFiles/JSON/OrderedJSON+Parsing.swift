public import Foundation

extension OrderedJSON {
  /// Parses UTF-8 text.
  ///
  /// Keys that are equal as Swift strings (the same characters, though perhaps composed otherwise)
  /// are duplicates.
  ///
  /// - Parameters:
  ///   - bytes: The text: one value, with white space around it or not.
  ///   - path: The file that the text is from, for errors.
  ///   - offset: Where in the file the text starts, for errors.
  /// - Throws: ``TensorFileError/malformedJSON(path:offset:problem:)``,
  ///   ``TensorFileError/duplicateKey(path:offset:key:)`` or
  ///   ``TensorFileError/invalidUTF8(path:offset:)``.
  /// - Complexity: O(n).
  public init(
    parsing bytes: [UInt8], path: String = "JSON", offset: Int = 0
  ) throws(TensorFileError) {
    var parser = JSONParser(bytes: bytes, path: path, offset: offset)
    self = try parser.document()
  }

  /// Parses a file of UTF-8 text, with a byte order mark or without.
  public init(contentsOf url: URL) throws(TensorFileError) {
    let map = try MemoryMap(opening: url)
    let bytes = try map.bytes(in: 0..<map.count)
    let text = ByteOrderMark.removed(from: bytes)
    try self.init(parsing: text, path: map.path, offset: bytes.count - text.count)
  }

  /// Parses UTF-8 text in which some objects are tables of many keys, rather than fields with names.
  ///
  /// - Parameters:
  ///   - bytes: The text.
  ///   - path: The file that the text is from, for errors.
  ///   - listing: The keys whose objects become arrays of `[key, value]` in the order of the text; the empty key
  ///     stands for the outermost object. Their keys may be equal as Swift strings, or even the same.
  package init(
    parsing bytes: [UInt8], path: String, listing: Set<String>
  ) throws(TensorFileError) {
    var parser = JSONParser(bytes: bytes, path: path, offset: 0, listing: listing)
    self = try parser.document()
  }
}
