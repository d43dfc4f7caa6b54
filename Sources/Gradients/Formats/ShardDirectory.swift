import Foundation
import LinearAlgebra
import TensorFiles

/// Gradients in a directory of store directories, each with some of the rows.
enum ShardDirectory: StoreFormat {
  static func open(_ place: StorePlace) throws -> GradientStore? {
    let shards = try place.entries().filter(StoreDirectory.isStore)
    guard !shards.isEmpty else { return nil }
    let areEpochs = shards.allSatisfy { $0.lastPathComponent.wholeMatch(of: /epoch_[0-9]+/) != nil }
    guard shards.count == 1 || !areEpochs else {
      throw GradientStoreError.inconsistent(
        path: place.url.path,
        reason:
          "its \(shards.count) folders epoch_N hold gradients of the same examples, at different times of a training, as bergson's callback writes them, and not further rows; open one of them"
      )
    }
    if !place.allowsIncomplete { try StoreDirectory.requireFinished(place.url) }
    return try GradientStore.joining(
      shards.map {
        try StoreDirectory.open(
          $0, allowingIncomplete: place.allowsIncomplete, summingTokens: place.sumsTokens)
      }, name: place.url.path)
  }
}

extension GradientStore {
  /// The rows of several stores, one after the other, without a copy.
  ///
  /// - Parameters:
  ///   - stores: At least one; all with the same blocks in the same order, and numbers of one type.
  ///   - name: What to call them together.
  /// - Throws: ``GradientStoreError/inconsistent(path:reason:)`` naming the first that does not fit.
  public init(joining stores: [GradientStore], name: String) throws {
    let joined = try Self.joining(stores, name: name)
    // Blocks of a factored store differ in their type, but shards must not.
    guard Set(stores.map(\.elementTypes)).count == 1,
      joined.commonElementType != nil || joined.factors != nil
    else {
      let types = stores.map { $0.sufficientElementType.name }.joined(separator: ", ")
      throw GradientStoreError.inconsistent(
        path: name,
        reason:
          "the stores hold numbers of different types (\(types)); import them in one type first"
      )
    }
    self = joined
  }

  /// One store of the rows of several, in order.
  static func joining(
    _ stores: [GradientStore], name: String
  ) throws -> GradientStore {
    guard let first = stores.first else {
      throw GradientStoreError.unrecognised(path: name, found: "there are no shards")
    }
    func label(_ store: GradientStore) -> String { URL(filePath: store.name).lastPathComponent }
    var shards: [Shard] = []
    var start = 0
    for store in stores {
      guard store.layout == first.layout else {
        let differences = first.layout.differences(
          from: store.layout, label: label(first), otherLabel: label(store))
        throw GradientStoreError.inconsistent(
          path: name,
          reason: differences.isEmpty
            ? "shards \(label(first).quoted) and \(label(store).quoted) hold the same blocks in another order; rewrite one of them"
            : "shards do not hold the same blocks: \(BlockLayout.summary(of: differences).legible); write them with the same model, or move the odd one elsewhere"
        )
      }
      guard store.members == first.members else {
        throw GradientStoreError.inconsistent(
          path: name,
          reason:
            "stores \(label(first).quoted) and \(label(store).quoted) are grouped otherwise; join them first, and group what comes of it"
        )
      }
      for shard in store.shards {
        shards.append(
          Shard(
            rows: start + shard.rows.lowerBound..<start + shard.rows.upperBound,
            firstStoredRow: shard.firstStoredRow, storedRowCount: shard.storedRowCount,
            blocks: shard.blocks, squaredNorms: shard.squaredNorms, files: shard.files))
      }
      start += store.count
    }
    return GradientStore(
      name: name, kind: .shards, layout: first.layout, shards: shards,
      manifests: stores.flatMap(\.manifests), members: first.members)
  }
}
