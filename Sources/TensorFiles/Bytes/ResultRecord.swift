package import Foundation

/// The record of a file of results, compared with the file.
package struct ResultRecord: Sendable {
  /// Where it stands.
  package let url: URL
  /// What it says.
  package let content: OrderedJSON
  /// Whether it holds the results' checksum, and its own; records of earlier versions hold neither.
  package let isProtected: Bool

  /// The member that says which bytes the record is about.
  static let resultsKey = "results"

  /// Finds the record of a file: `scores.npy.json`, or `scores.json` of an earlier version.
  ///
  /// - Parameter results: The file of results.
  /// - Returns: nil where there is none, or another program's.
  /// - Throws: ``TensorFileError/otherResults(path:record:recorded:found:)`` where the record is of other bytes,
  ///   ``TensorFileError/wrongChecksum(path:recorded:found:)`` where it was changed itself, or an error of a file.
  /// - Complexity: reads every byte of both files.
  package init?(of results: URL) throws(TensorFileError) {
    let own = Self.url(of: results)
    guard FileManager.default.fileExists(atPath: own.path) else {
      guard let earlier = Self.earlier(of: results) else { return nil }
      (url, content, isProtected) = (Self.earlierURL(of: results), earlier, false)
      return
    }
    let sealed = try SealedJSON(contentsOf: own)
    guard Self.isOurs(sealed.content) else { return nil }
    (url, content) = (own, sealed.content)
    guard let described = content[Self.resultsKey] else {
      isProtected = false
      return
    }
    isProtected = sealed.isSealed
    let found = try Checksum(of: MemoryMap(opening: results)).description
    guard let recorded = described["crc32c"]?.string, recorded == found else {
      throw .otherResults(
        path: results.path, record: url.path,
        recorded: described["crc32c"]?.string ?? "nothing", found: found)
    }
  }

  /// Where the record of a file stands: under its whole name and `.json`.
  static func url(of results: URL) -> URL { results.appendingPathExtension("json") }

  /// Where earlier versions wrote it.
  static func earlierURL(of results: URL) -> URL {
    results.deletingPathExtension().appendingPathExtension("json")
  }

  /// The record that an earlier version left for a file, if it did: it has the name of the file's stem, which it
  /// may share with the record of a table or an array.
  static func earlier(of results: URL) -> OrderedJSON? {
    let url = earlierURL(of: results)
    guard FileManager.default.fileExists(atPath: url.path),
      let json = try? OrderedJSON(contentsOf: url), isOurs(json), json[resultsKey] == nil,
      isOfTable(json) == (results.pathExtension.lowercased() == "csv")
    else { return nil }
    return json
  }

  /// Whether a record is one of this program's.
  package static func isOurs(_ json: OrderedJSON) -> Bool {
    json["format"]?.string?.hasPrefix("influencekit-") ?? false
  }

  private static func isOfTable(_ json: OrderedJSON) -> Bool {
    ["influencekit-top-scores", "influencekit-damping-sweep"].contains(json["format"]?.string)
  }

  /// What a record says of the bytes that it is about.
  ///
  /// - Parameters:
  ///   - file: Where the bytes are.
  ///   - name: The name that they will have.
  static func description(of file: URL, named name: URL) throws(TensorFileError) -> OrderedJSON {
    let map = try MemoryMap(opening: file)
    let isArray = name.pathExtension.lowercased() == "npy"
    let shape = isArray ? try NumpyFile(opening: file).shape : nil
    let about: OrderedJSON = [
      "file": .string(name.lastPathComponent), "bytes": .integer(map.count),
      "crc32c": .string(try Checksum(of: map).description),
    ]
    return about.adding(shape.map { ["shape": .array($0.map { .integer($0) })] } ?? [:])
  }
}
