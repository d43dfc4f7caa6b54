import Foundation
import LinearAlgebra
import TensorFiles

/// One checkpoint of TRAK: `grads.mmap`, `out_to_loss.mmap` and `_is_featurized.mmap`, which are arrays of numpy.
///
/// Rows are gradients of the margin f, the log-odds of the right class, projected and divided by the root of the number of
/// parameters. `out_to_loss.mmap` has Q = 1 − p of each example, p the probability of the right class; the loss's gradient is
/// −Q · ∇f. The probabilities go with the store, for the method that needs them.
enum TrakStore: StoreFormat {
  private static let settings = "metadata.json"
  private static let width = "JL dimension"
  private static let gradients = "grads.mmap"
  private static let factors = "out_to_loss.mmap"
  private static let written = "_is_featurized.mmap"

  static func open(_ place: StorePlace) throws -> GradientStore? {
    guard place.fileKind == nil else { return nil }
    if has(written, in: place.url) { return try checkpoint(place) }
    guard has(settings, in: place.url) else { return nil }
    let checkpoints = try place.entries().filter { has(written, in: $0) }
    guard let first = checkpoints.first else { return nil }
    guard checkpoints.count == 1 else {
      throw GradientStoreError.inconsistent(
        path: place.url.path,
        reason:
          "TRAK kept the checkpoints \(checkpoints.map(\.lastPathComponent.quoted).joined(separator: ", ")) in it, each with gradients of the same examples; open one of these folders"
      )
    }
    return try checkpoint(
      StorePlace(
        first, allowsIncomplete: place.allowsIncomplete, sumsTokens: place.sumsTokens,
        joinsRows: place.joinsRows, check: place.check))
  }

  private static func has(_ name: String, in folder: URL) -> Bool {
    FileManager.default.fileExists(atPath: folder.appending(path: name).path)
  }

  private static func checkpoint(_ place: StorePlace) throws -> GradientStore {
    let (url, path) = (place.url, place.url.path)
    guard has(gradients, in: url) else {
      throw GradientStoreError.inconsistent(
        path: path,
        reason:
          "TRAK removed the gradients (grads.mmap) of this checkpoint once it had features, which are preconditioned and have no scale; compute them again, or open features.mmap by itself"
      )
    }
    let file = try NumpyFile(opening: url.appending(path: gradients))
    guard file.shape.count == 2, file.isMappable, file.elementType != nil else {
      throw GradientStoreError.invalidBlock(
        path: file.map.path, block: TorchStore.block,
        reason: "is no matrix of float16 or float32 with a row per example; compute it again")
    }
    var rows = file.shape[0]
    try requireWidth(file.shape[1], of: file, beside: url)
    let flags = try NumpyFile(opening: url.appending(path: written)).integers()
    try require(flags.count, toBe: rows, in: written, of: url)
    let done = flags.firstIndex { $0 == 0 } ?? rows
    if done < rows {
      guard !flags[done...].contains(where: { $0 != 0 }) else {
        throw GradientStoreError.inconsistent(
          path: path,
          reason:
            "row \(done) and others are not computed yet, and lie between rows that are; let TRAK finish this checkpoint"
        )
      }
      guard place.allowsIncomplete else {
        throw GradientStoreError.incomplete(path: path, committedRows: done)
      }
      rows = done
    }
    let source = BlockSource.mapped(try file.mapped())[rows: 0..<rows]
    var store = GradientStore(
      name: path, kind: .trak,
      layout: try BlockLayout(
        validating: [(TorchStore.block, [file.shape[1]])], path: file.map.path),
      count: rows, blocks: [source], files: [file.map])
    store.origin = origin
    guard has(factors, in: url) else { return store }
    let losses = try NumpyFile(opening: url.appending(path: factors))
    try require(losses.shape.reduce(1, *), toBe: file.shape[0], in: factors, of: url)
    let values = try losses.matrix(as: Double.self).elements.prefix(rows)
    var known = store.with(
      Companions(probabilities: LabelProbabilities(values: values.map { 1 - $0 })))
    known.origin = origin
    return known
  }

  private static let origin = StoreOrigin(
    tool: "TRAK",
    known: [
      "rows are gradients of the margin log(p / (1 - p)), projected and divided by the root of the number of parameters",
      "the loss's gradient is -(1 - p) times that, and out_to_loss.mmap has 1 - p",
      "neither normalised nor preconditioned",
    ],
    unknown: [
      "the projection's seed", "model and data", "the number and order of parameters",
      "whether the task defined another output than the margin",
    ])

  /// Compares the columns with what TRAK recorded around the checkpoint; without a projection it is the width it was asked for.
  private static func requireWidth(_ columns: Int, of file: NumpyFile, beside url: URL) throws {
    let settings = url.deletingLastPathComponent().appending(path: settings)
    guard FileManager.default.fileExists(atPath: settings.path) else { return }
    let json = try OrderedJSON(contentsOf: settings)
    guard let recorded = json[width]?.integer, json["JL matrix type"]?.string != "na",
      recorded != columns
    else { return }
    throw GradientStoreError.inconsistent(
      path: file.map.path,
      reason:
        "it has \(columns) columns, and \(Self.settings.quoted) says \(recorded); one of them belongs to another run, copy the folder again"
    )
  }

  private static func require(
    _ count: Int, toBe rows: Int, in name: String, of url: URL
  ) throws(GradientStoreError) {
    guard count == rows else {
      throw .inconsistent(
        path: url.appending(path: name).path,
        reason:
          "it has \(count) rows, and \(gradients) has \(rows); one of them belongs to another run, copy the folder again"
      )
    }
  }
}
