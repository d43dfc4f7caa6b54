public import Foundation

/// Something that lies beside the gradients of a store, in a file of a name that is always the same.
public protocol Companion: Sendable {
  /// The file's name in a store's folder.
  static var fileName: String { get }
  /// Reads the file at a path.
  init(opening url: URL) throws
}
