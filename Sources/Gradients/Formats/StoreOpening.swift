public import Foundation
import LinearAlgebra
import TensorFiles

extension GradientStore {
  /// Opens gradients from whatever is at a path; its kind is told by its content, not its name.
  ///
  /// - Parameters:
  ///   - url: A store directory, a directory of shards, a `.safetensors` file, a `.npy` file or a
  ///     directory of `.npy` files.
  ///   - allowingIncomplete: Opens a store whose writer did not finish, with the rows it committed.
  /// - Throws: ``GradientStoreError`` or an error of the file, naming the file and the field.
  public init(opening url: URL, allowingIncomplete: Bool = false) throws {
    guard url.isFileURL else { throw TensorFileError.notRegularFile(path: url.absoluteString) }
    let path = url.resolvingSymlinksInPath().path
    guard FileManager.default.fileExists(atPath: path) else {
      throw TensorFileError.notFound(path: url.path)
    }
    let type = try FileManager.default.attributesOfItem(atPath: path)[.type]
    if type as? FileAttributeType == .typeDirectory {
      self = try Self.openingDirectory(url, allowingIncomplete: allowingIncomplete)
        .with(Companions(besideStoreAt: url))
    } else {
      let folder = url.deletingLastPathComponent()
      self = try Self.openingFile(url).with(Companions(curvatureIn: folder))
    }
  }

  private static func openingDirectory(
    _ url: URL, allowingIncomplete: Bool
  ) throws -> GradientStore {
    func exists(_ name: String, in folder: URL) -> Bool {
      FileManager.default.fileExists(atPath: folder.appending(path: name).path)
    }
    if exists(StoreFile.info, in: url) || exists(StoreManifest.fileName, in: url) {
      return try StoreDirectory.open(url, allowingIncomplete: allowingIncomplete)
    }
    guard FileManager.default.isReadableFile(atPath: url.path) else {
      throw TensorFileError.permissionDenied(path: url.path, operation: "list it")
    }
    let entries = try FileManager.default.contentsOfDirectory(
      at: url, includingPropertiesForKeys: nil
    ).filter { !$0.lastPathComponent.hasPrefix(".") }
      // Numbers in names count as numbers: rank_2 comes before rank_10, as their rows were made.
      .sorted {
        $0.lastPathComponent.compare($1.lastPathComponent, options: .numeric) == .orderedAscending
      }
    // A shard whose writer has just begun has a manifest before it has an info.json.
    let shards = entries.filter {
      exists(StoreFile.info, in: $0) || exists(StoreManifest.fileName, in: $0)
    }
    if !shards.isEmpty {
      if !allowingIncomplete { try StoreDirectory.requireFinished(url) }
      return try joining(
        shards.map { try StoreDirectory.open($0, allowingIncomplete: allowingIncomplete) },
        name: url.path)
    }
    let arrays = try entries.filter(isArray)
    if !arrays.isEmpty { return try NumpyStore.openDirectory(url, arrays: arrays) }
    throw GradientStoreError.unrecognised(
      path: url.path,
      found: entries.isEmpty
        ? "the directory is empty" : "the directory holds neither info.json nor .npy files")
  }

  private static func openingFile(_ url: URL) throws -> GradientStore {
    switch try FileKind(of: url) {
    case .numpy: return try NumpyStore.openFile(url)
    case .safetensors: return try SafetensorsStore.open(url)
    case .archive:
      throw GradientStoreError.unrecognised(
        path: url.path,
        found: "the file is a zip archive, as .npz and .pt files are; save its arrays on their own")
    case .other:
      throw GradientStoreError.unrecognised(
        path: url.path, found: "the file starts like neither safetensors nor npy")
    }
  }

  /// Whether an entry of a directory is one of its blocks.
  ///
  /// An entry called `.npy` is meant to be one: if it is damaged, opening it says so, and no block
  /// goes missing in silence.
  private static func isArray(_ url: URL) throws -> Bool {
    do {
      return try FileKind(of: url) == .numpy || url.pathExtension == "npy"
    } catch TensorFileError.notRegularFile {
      return false
    }
  }

  /// The rows of several stores, one after the other, without a copy.
  ///
  /// - Parameters:
  ///   - stores: At least one; all with the same blocks in the same order, and numbers of one type.
  ///   - name: What to call them together.
  /// - Throws: ``GradientStoreError/inconsistent(path:reason:)`` naming the first that does not fit.
  public init(joining stores: [GradientStore], name: String) throws {
    let joined = try Self.joining(stores, name: name)
    guard joined.commonElementType != nil else {
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
            : "shards do not hold the same blocks: \(differences.joined(separator: ", ").legible); write them with the same model, or move the odd one elsewhere"
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
            blocks: shard.blocks, squaredNorms: shard.squaredNorms, files: shard.files))
      }
      start += store.count
    }
    return GradientStore(
      name: name, kind: .shards, layout: first.layout, shards: shards,
      manifests: stores.flatMap(\.manifests), members: first.members)
  }
}
