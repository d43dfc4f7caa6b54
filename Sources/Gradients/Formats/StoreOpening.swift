public import Foundation
import LinearAlgebra
import TensorFiles

extension GradientStore {
  /// All formats, in the order in which they are tried.
  private static let formats: [any StoreFormat.Type] = [
    ForeignFolder.self, LorifStore.self, StoreDirectory.self, ShardDirectory.self, TrakStore.self,
    DattriStore.self, DattriLLMStore.self, LogixStore.self, NumpyDirectory.self, NumpyStore.self,
    SafetensorsStore.self,
    SafetensorsIndex.self, SafetensorsDirectory.self, TorchStore.self, TorchDirectory.self,
  ]

  /// Opens gradients from whatever is at a path; its kind is told by its content, not its name.
  ///
  /// - Parameters:
  ///   - url: A store directory, a directory of shards, a `.safetensors` file, the index of several
  ///     (`.index.json`) or a directory of them, a `.npy` or `.pt` file or a directory of such files.
  ///   - allowingIncomplete: Opens a store whose writer did not finish, with the rows it committed.
  ///   - summingTokens: Opens a directory of bergson's whose rows are tokens, with their sums as rows.
  ///   - joiningRows: Takes the `.npy` or `.pt` files of a directory, or the tensors of a list, for rows that follow each
  ///     other, though they have equally many and could be blocks of the same rows.
  ///   - check: Which bytes are compared with their checksums.
  /// - Throws: ``GradientStoreError`` or an error of the file, naming the file and the field.
  public init(
    opening url: URL, allowingIncomplete: Bool = false, summingTokens: Bool = false,
    joiningRows: Bool = false, check: StoreCheck = .small
  ) throws {
    let place = try StorePlace(
      url, allowsIncomplete: allowingIncomplete, sumsTokens: summingTokens,
      joinsRows: joiningRows, check: check)
    for format in Self.formats {
      guard let store = try format.open(place) else { continue }
      let companions = try place.companions(check).filled(from: store.companions)
      self = try store.with(companions).checked(check)
      origin = store.origin
      return
    }
    throw GradientStoreError.unrecognised(path: url.path, found: try place.description())
  }
}
