import Foundation
import LinearAlgebra
import TensorFiles

/// Gradients as products of two factors, as LoRIF writes them.
///
/// `manifest.json` says layers and shards; for each of both a `.pt` file has `left`, n × p × c, and `right`, n × q × c. A row is
/// left · rightᵀ, inputs × outputs.
enum LorifStore: StoreFormat {
  static let format = "lorif-factors"
  private static let version = 1

  static func open(_ place: StorePlace) throws -> GradientStore? {
    let url = place.url.appending(path: StoreFile.manifest)
    guard place.fileKind == nil, FileManager.default.fileExists(atPath: url.path) else {
      return nil
    }
    let json = try OrderedJSON(contentsOf: url)
    guard json["format"]?.string == format else { return nil }
    func invalid(_ field: String, _ reason: String) -> GradientStoreError {
      .invalidField(
        path: url.path, field: field, reason: reason + "; write the store again with LoRIF")
    }
    guard json["format_version"]?.integer == version else {
      throw invalid("format_version", "is not \(version)")
    }
    let layers = try (json["layers"]?.array ?? []).enumerated().map { index, json in
      guard let layer = Layer(json) else {
        throw invalid("layers[\(index)]", "has no name, path and dimensions")
      }
      return layer
    }
    let layout = try BlockLayout(
      validating: layers.map { ($0.name, [$0.inputs, $0.outputs]) }, path: url.path)
    var shards: [GradientStore.Shard] = []
    for (index, json) in (json["shards"]?.array ?? []).enumerated() {
      let start = shards.last?.rows.upperBound ?? 0
      guard let number = json["index"]?.integer, number == index,
        json["start"]?.integer == start, let end = json["end"]?.integer, end > start
      else { throw invalid("shards[\(index)]", "does not go on where the shard before it ends") }
      let parts = try layers.map { layer in
        try layer.rows(ofShard: index, count: end - start, in: place)
      }
      shards.append(
        GradientStore.Shard(
          rows: start..<end, blocks: parts.map { .derived($0, firstRow: 0) }, squaredNorms: nil,
          files: parts.map(\.left.map)))
    }
    guard json["num_examples"]?.integer == shards.last?.rows.upperBound ?? 0 else {
      throw invalid("num_examples", "is not the number of rows of the shards")
    }
    var store = GradientStore(
      name: place.url.path, kind: .lorif, layout: layout, shards: shards,
      manifests: shards.map { _ in nil })
    store.origin = origin(json["metadata"])
    return store
  }

  private static func origin(_ json: OrderedJSON?) -> StoreOrigin {
    func text(_ key: String) -> String {
      json?[key]?.string?.legible ?? json?[key]?.integer.map(String.init) ?? "unknown"
    }
    return StoreOrigin(
      tool: "LoRIF",
      known: [
        "products of two factors of rank \(text("factor_rank")), inputs × outputs",
        "projected on both sides (factor \(text("projection_factor")), seed \(text("projection_seed")), scale \(text("projection_normalization")))",
        "of the loss \(text("loss")) (\(text("loss_reduction"))) of \(text("model"))",
        "neither normalised nor preconditioned",
      ], unknown: ["what the rank left out"])
  }
}

extension LorifStore {
  /// A layer of the manifest.
  private struct Layer {
    let name: String
    let path: String
    let inputs: Int
    let outputs: Int
    let rank: Int

    init?(_ json: OrderedJSON) {
      guard let name = json["name"]?.string, let path = json["path"]?.string,
        let inputs = json["projected_input_dim"]?.integer, inputs > 0, inputs < 1 << 31,
        let outputs = json["projected_output_dim"]?.integer, outputs > 0, outputs < 1 << 31,
        let rank = json["factor_rank"]?.integer, rank > 0
      else { return nil }
      (self.name, self.path, self.inputs) = (name, path, inputs)
      (self.outputs, self.rank) = (outputs, rank)
    }

    /// The factors of the rows of one shard.
    func rows(ofShard index: Int, count: Int, in place: StorePlace) throws -> FactoredRows {
      let parts = path.split(separator: "/", omittingEmptySubsequences: false)
      guard !parts.contains(where: { ["", ".", ".."].contains($0) }) else {
        throw GradientStoreError.inconsistent(
          path: place.url.path,
          reason: "the path \(path.quoted) of a layer leads elsewhere; write the store again"
        )
      }
      let digits = String(index)
      let name = "shard-" + String(repeating: "0", count: max(0, 5 - digits.count)) + digits + ".pt"
      let url = place.url.appending(path: path).appending(path: name)
      guard let file = try TorchFile(opening: url) else {
        throw GradientStoreError.unrecognised(
          path: url.path, found: "the file is no file of PyTorch")
      }
      if place.check.covers(byteCount: file.map.count) { try file.verify() }
      guard case .dictionary(let members) = file.value, members.count == 2,
        case .tensor(let left)? = members.first(where: { $0.key == "left" })?.value,
        case .tensor(let right)? = members.first(where: { $0.key == "right" })?.value,
        left.shape == [count, inputs, rank], right.shape == [count, outputs, rank],
        let type = left.elementType, let other = right.elementType
      else {
        throw GradientStoreError.inconsistent(
          path: url.path,
          reason:
            "it does not hold \"left\" of shape \([count, inputs, rank]) and \"right\" of \([count, outputs, rank]), as the manifest says; it belongs to another store, or write it again"
        )
      }
      return FactoredRows(
        left: left, right: right, outputs: outputs, rank: rank,
        elementType: .common([type, other, .float32]))
    }
  }
}

/// Rows of which each is the product of a left and a right factor of low rank.
struct FactoredRows: DerivedRows {
  /// n × p × c.
  let left: TorchTensor
  /// n × q × c.
  let right: TorchTensor
  let outputs: Int
  let rank: Int
  let elementType: ElementType

  /// Products are added in double precision and rounded once.
  func read<Element: Scalar>(
    rows: Range<Int>, columns: Range<Int>, into matrix: inout Matrix<Element>, firstRow: Int
  ) throws {
    guard !columns.isEmpty else { return }
    let inputs = columns.lowerBound / outputs..<(columns.upperBound - 1) / outputs + 1
    var lefts = Matrix<Double>.zeros(1, inputs.count * rank)
    var rights = Matrix<Double>.zeros(1, outputs * rank)
    for (place, row) in rows.enumerated() {
      try left.read(
        rows: row..<row + 1, columns: inputs.lowerBound * rank..<inputs.upperBound * rank,
        into: &lefts, firstRow: 0)
      try right.read(
        rows: row..<row + 1, columns: 0..<outputs * rank, into: &rights, firstRow: 0)
      let product = Matrix(rows: inputs.count, columns: rank, elements: lefts.elements).view
      var row = Matrix<Double>.zeros(inputs.count, outputs)
      row.add(
        product: product,
        Matrix(rows: outputs, columns: rank, elements: rights.elements).view.transposed,
        firstRow: 0)
      let start = columns.lowerBound - inputs.lowerBound * outputs
      let flat = Matrix(rows: 1, columns: row.elements.count, elements: row.elements)
      matrix.place(
        Matrix<Element>(
          converting: flat.view[columns: start..<start + columns.count]
        ).view,
        firstRow: firstRow + place, firstColumn: 0)
    }
  }
}
