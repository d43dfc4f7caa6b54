package import Foundation
import OrderedCollections

/// Sizes and checksums of the files of a folder, as one of them lists the others.
package struct FileChecksums: Sendable {
  /// The member of a record that holds the list.
  package static let key = "files"

  private struct Entry: Sendable, Equatable {
    let byteCount: Int
    let checksum: Checksum
  }

  private var entries: OrderedDictionary<String, Entry> = [:]

  /// The files' names, in order.
  package var names: [String] { Array(entries.keys) }
  /// Bytes of all files.
  package var byteCount: Int { entries.values.reduce(0) { $0 + $1.byteCount } }

  /// Takes the checksums of files.
  ///
  /// - Parameters:
  ///   - names: Paths from the folder.
  ///   - folder: Where they are.
  /// - Complexity: reads every byte, at about the rate of memory.
  package init(of names: [String], in folder: URL) throws(TensorFileError) {
    for name in names {
      let map = try MemoryMap(opening: folder.appending(path: name))
      entries[name] = Entry(byteCount: map.count, checksum: try Checksum(of: map))
    }
  }

  /// The list as a record holds it.
  package var json: OrderedJSON {
    .object(
      entries.mapValues {
        ["bytes": .integer($0.byteCount), "crc32c": .string($0.checksum.description)]
      })
  }

  /// Reads a list.
  ///
  /// - Parameters:
  ///   - json: What a record holds.
  ///   - path: The record, for errors.
  /// - Throws: ``TensorFileError/invalidField(path:field:expected:found:)``.
  package init(_ json: OrderedJSON, path: String) throws(TensorFileError) {
    guard let members = json.object else {
      throw .invalidField(path: path, field: Self.key, expected: "an object", found: json.kind)
    }
    for (name, value) in members {
      guard let bytes = value["bytes"]?.integer,
        let checksum = value["crc32c"]?.string.flatMap(Checksum.init),
        !name.split(separator: "/").contains(".."), !name.hasPrefix("/")
      else {
        throw .invalidField(
          path: path, field: "\(Self.key).\(name)", expected: "a size and a checksum",
          found: value.kind)
      }
      entries[name] = Entry(byteCount: bytes, checksum: checksum)
    }
  }

  /// What is wrong with the files: a path from the folder and a reason for each.
  ///
  /// - Complexity: reads every byte, at about the rate of memory.
  package func damages(in folder: URL) -> [(name: String, reason: String)] {
    entries.compactMap { name, entry in
      do throws(TensorFileError) {
        let map = try MemoryMap(opening: folder.appending(path: name))
        let found = try Checksum(of: map)
        guard map.count == entry.byteCount, found == entry.checksum else {
          return (name, "its checksum is \(found), where \(entry.checksum) was recorded")
        }
        return nil
      } catch .notFound {
        return (name, "it is missing")
      } catch {
        return (name, error.description)
      }
    }
  }
}
