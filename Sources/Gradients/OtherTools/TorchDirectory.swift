import Foundation
import TensorFiles

/// Gradients in a directory of `.pt` files whose names differ in the number at their end: rows that follow each other.
///
/// LESS writes such a directory, `dimD`, for each number of columns: `grads-160.pt`, `grads-165.pt`, named after the number of
/// examples so far, and then all rows at once, as they are (`all_unormalized.pt`) and of length 1 (`all_orig.pt`).
enum TorchDirectory: StoreFormat {
  private static let normalized = "all_orig.pt"
  private static let unnormalized = "all_unormalized.pt"

  static func open(_ place: StorePlace) throws -> GradientStore? {
    let entries = try place.entries()
    if let inner = try projections(in: entries, of: place) { return inner }
    let files = entries.filter { $0.pathExtension == "pt" }
    let series = files.filter { number(of: $0) != nil }
    let others = files.filter { number(of: $0) == nil }
    let isLESS =
      series.allSatisfy { $0.lastPathComponent.hasPrefix("grads-") }
      && others.allSatisfy { [normalized, unnormalized].contains($0.lastPathComponent) }
    guard let first = series.first ?? others.last else { return nil }
    if isLESS {
      return try less(series.isEmpty ? [first] : series, in: place)
    }
    // One without a number is no part, and one whose number is too large would have no place.
    if let other = files.first(where: { stem(of: $0) != stem(of: first) })
      ?? (series.isEmpty ? nil : others.first)
    {
      throw GradientStoreError.inconsistent(
        path: place.url.path,
        reason:
          "\(first.lastPathComponent.quoted) and \(other.lastPathComponent.quoted) may be different stores; open one of them, or name the parts of one store alike but for the number at their end"
      )
    }
    return try joined(series.isEmpty ? [first] : series, in: place)
  }

  /// LESS's folder of projections of the same rows, where it is the directory around them that is opened.
  private static func projections(
    in entries: [URL], of place: StorePlace
  ) throws -> GradientStore? {
    let inner = entries.filter { url in
      url.lastPathComponent.wholeMatch(of: /dim[0-9]+/) != nil
        && ["grads-", "all_"].contains { beginning in
          let names = try? FileManager.default.contentsOfDirectory(atPath: url.path)
          return names?.contains { $0.hasPrefix(beginning) && $0.hasSuffix(".pt") } ?? false
        }
    }
    guard let first = inner.first else { return nil }
    guard inner.count == 1 else {
      throw GradientStoreError.inconsistent(
        path: place.url.path,
        reason:
          "\(inner.map(\.lastPathComponent.quoted).joined(separator: " and ")) are projections of the same rows; open one of them"
      )
    }
    return try open(
      StorePlace(
        first, allowsIncomplete: place.allowsIncomplete, sumsTokens: place.sumsTokens,
        joinsRows: place.joinsRows, check: place.check))
  }

  private static func less(_ files: [URL], in place: StorePlace) throws -> GradientStore {
    var store = try joined(files, in: place)
    // Each name says how many rows there are by then.
    for (file, shard) in zip(files, store.shards) {
      guard let count = number(of: file), count != shard.rows.upperBound else { continue }
      throw GradientStoreError.inconsistent(
        path: file.path,
        reason:
          "its name says that it ends with row \(count), but with the files before it there are \(shard.rows.upperBound) rows; put the missing files back, or compute the gradients again"
      )
    }
    let isNormalized = files.first?.lastPathComponent == normalized
    store.origin = StoreOrigin(
      tool: "LESS",
      known: [
        "projected to \(store.layout.columnCount) columns by random signs, of the mean loss of tokens",
        isNormalized ? "every row has length 1" : "rows are not normalised",
      ],
      unknown: [
        "whether rows are Adam's update directions (as its scripts take of training examples), signs or gradients",
        "checkpoint, learning rate and seed",
      ])
    return store
  }

  /// The rows of the files, one file after the other.
  private static func joined(_ files: [URL], in place: StorePlace) throws -> GradientStore {
    let parts = try files.map { url in
      let part = try StorePlace(
        url, allowsIncomplete: place.allowsIncomplete, sumsTokens: place.sumsTokens,
        joinsRows: place.joinsRows, check: place.check)
      guard let store = try TorchStore.open(part) else {
        throw GradientStoreError.unrecognised(path: url.path, found: try part.description())
      }
      return store
    }
    let rows = try GradientStore.joining(parts, name: place.url.path)
    var store = GradientStore(
      name: place.url.path, kind: .torch, layout: rows.layout, shards: rows.shards,
      manifests: rows.manifests)
    store.origin = parts.first?.origin
    return store
  }

  private static func name(of file: URL) -> Substring {
    file.lastPathComponent.dropLast(".pt".count)
  }

  /// The number at the end of a file's name.
  private static func number(of file: URL) -> Int? {
    Int(
      name(of: file).reversed().prefix { $0.isASCII && $0.isNumber }.reversed().map(String.init)
        .joined())
  }

  private static func stem(of file: URL) -> Substring {
    let name = name(of: file)
    return name.dropLast(name.reversed().prefix { $0.isASCII && $0.isNumber }.count)
  }
}
