package import Foundation
import OrderedCollections

/// A JSON object that is kept with its own checksum, so that no change of it goes unnoticed.
///
/// The last member, `checksum`, is the CRC-32C of the other members as compact JSON. It is about values, not about
/// the layout of the text: an object that was only indented otherwise is still whole.
package struct SealedJSON: Sendable {
  /// The name of the member that holds the checksum.
  package static let key = "checksum"

  /// The object without its checksum.
  package let content: OrderedJSON
  /// Whether the object holds a checksum; files of earlier versions, and of other programs, hold none.
  package let isSealed: Bool

  /// Takes an object apart, and compares it with its checksum where it has one.
  ///
  /// - Parameters:
  ///   - json: What a file holds.
  ///   - path: The file, for errors.
  /// - Throws: ``TensorFileError/wrongChecksum(path:recorded:found:)``.
  /// - Complexity: O(n).
  package init(_ json: OrderedJSON, path: String) throws(TensorFileError) {
    guard var members = json.object, let recorded = members.removeValue(forKey: Self.key) else {
      content = json
      isSealed = false
      return
    }
    content = .object(members)
    isSealed = true
    let found = try content.checksum(path: path)
    guard recorded.string == found else {
      throw .wrongChecksum(path: path, recorded: recorded.string ?? recorded.kind, found: found)
    }
  }

  /// Reads a file.
  ///
  /// - Throws: ``TensorFileError/wrongChecksum(path:recorded:found:)``, or an error of the file or its JSON.
  package init(contentsOf url: URL) throws(TensorFileError) {
    try self.init(OrderedJSON(contentsOf: url), path: url.path)
  }
}

extension OrderedJSON {
  /// This object with its own checksum as its last member; see ``SealedJSON``.
  ///
  /// - Parameter path: The file that it is for, for errors.
  /// - Throws: ``TensorFileError/unwritableNumber(path:field:)`` for infinity and NaN.
  package func sealed(path: String = "JSON") throws(TensorFileError) -> OrderedJSON {
    guard case .object(var members) = self else {
      preconditionFailure("\(kind) has no place for a checksum")
    }
    members[SealedJSON.key] = nil
    members[SealedJSON.key] = .string(try OrderedJSON.object(members).checksum(path: path))
    return .object(members)
  }

  /// CRC-32C of this value as compact JSON.
  package func checksum(path: String = "JSON") throws(TensorFileError) -> String {
    var checksum = Checksum()
    checksum.update(Array(try serialized(path: path).utf8).span)
    return checksum.description
  }
}
