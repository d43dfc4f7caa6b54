public import Foundation
import LinearAlgebra
import OrderedCollections
import TensorFiles

/// kronfluence's factors under the names of a store's blocks.
private struct KronfluenceCurvature: CurvatureSource {
  let factors: KronfluenceFactors
  /// The layer of each block.
  let layers: OrderedDictionary<String, String>

  var path: String { factors.path }

  var shapes: OrderedDictionary<String, [Int]> {
    var shapes: OrderedDictionary<String, [Int]> = [:]
    for (block, layer) in layers {
      let size = factors.layers[layer] ?? (0, 0)
      shapes["\(block).\(Part.activations.rawValue)"] = [size.inputs, size.inputs]
      shapes["\(block).\(Part.outputGradients.rawValue)"] = [size.outputs, size.outputs]
      guard factors.holdsMoments else { continue }
      shapes["\(block).\(Part.activationBasis.rawValue)"] = [size.inputs, size.inputs]
      shapes["\(block).\(Part.outputBasis.rawValue)"] = [size.outputs, size.outputs]
      shapes["\(block).\(Part.eigenvalues.rawValue)"] = [size.outputs, size.inputs]
    }
    return shapes
  }

  private typealias Part = KroneckerFactors.Part

  func matrix(_ name: String) throws(TensorFileError) -> Matrix<Double> {
    for part in Part.allCases where name.hasSuffix(".\(part.rawValue)") {
      let block = String(name.dropLast(part.rawValue.utf8.count + 1))
      guard let layer = layers[block] else { continue }
      return try factors.matrix(part, of: layer)
    }
    preconditionFailure("there is no matrix \(name)")
  }
}

extension GradientStore {
  /// The same gradients with kronfluence's factors of their model, and with weight and bias of a layer as one block.
  ///
  /// kronfluence takes a bias for the weight of an input that is always 1, so that a layer with a bias is one matrix,
  /// outputs × (inputs + 1). Such a block is called as the layer. Blocks are mapped to layers by their names, without
  /// `.weight` and `.bias`; layers may have a beginning, or a part between dots such as an adapter's name, that blocks have not.
  ///
  /// - Parameter url: A folder `factors_NAME` that kronfluence wrote.
  /// - Throws: ``GradientStoreError/unusableCurvature(path:field:reason:)`` where a block has no factors, or of another
  ///   shape; an error of a file.
  public func withFactors(ofKronfluenceAt url: URL) throws -> GradientStore {
    let factors = try KronfluenceFactors(opening: url)
    let matching = try LayerMatching(of: layout, to: factors)
    var names: OrderedDictionary<String, String> = [:]
    for block in matching.blocks { names[block.name] = block.layer }
    var metadata = ["examples": "\(factors.momentExamples ?? factors.examples)"]
    if let isEmpirical = factors.isEmpirical {
      metadata["fisher"] = isEmpirical ? "empirical" : "sampled"
    }
    var beside = Companions(
      curvature: StoredCurvature(
        KronfluenceCurvature(factors: factors, layers: names), metadata: metadata),
      exampleIDs: companions.exampleIDs)
    beside.provenance = companions.provenance
    var joined = GradientStore(
      name: name, kind: kind,
      layout: BlockLayout(matching.blocks.map { ($0.name, [$0.outputs, $0.inputs]) }),
      shards: shards.map { shard in
        Shard(
          rows: shard.rows, firstStoredRow: shard.firstStoredRow,
          storedRowCount: shard.storedRowCount,
          blocks: matching.blocks.map { block in
            guard let bias = block.bias else { return shard.blocks[block.weight] }
            return .derived(
              BiasColumn(
                weight: shard.blocks[block.weight], bias: shard.blocks[bias],
                inputs: block.inputs - 1), firstRow: 0)
          }, squaredNorms: nil, files: shard.files)
      }, manifests: manifests, companions: beside)
    joined.origin = origin
    return joined
  }
}

/// Which layer of kronfluence's each block of a store is of.
private struct LayerMatching {
  struct Entry {
    let name: String
    let layer: String
    /// Where the weight and the bias stand in the store's layout.
    let weight: Int
    let bias: Int?
    let outputs: Int
    /// With the one of a bias.
    let inputs: Int
  }

  let blocks: [Entry]

  init(of layout: BlockLayout, to factors: KronfluenceFactors) throws(GradientStoreError) {
    func unusable(_ field: String, _ reason: String) -> GradientStoreError {
      .unusableCurvature(path: factors.path, field: field, reason: reason)
    }
    var parts: OrderedDictionary<String, (weight: Int?, bias: Int?)> = [:]
    for (index, block) in layout.blocks.enumerated() {
      if block.name.hasSuffix(".bias") {
        parts[String(block.name.dropLast(5)), default: (nil, nil)].bias = index
      } else {
        let name =
          block.name.hasSuffix(".weight") ? String(block.name.dropLast(7)) : block.name
        parts[name, default: (nil, nil)].weight = index
      }
    }
    let layers = try Self.layers(of: Array(parts.keys), among: Array(factors.layers.keys)) {
      unusable($0, $1)
    }
    var blocks: [Entry] = []
    for (name, (weight, bias)) in parts {
      guard let weight, let layer = layers[name], let size = factors.layers[layer] else {
        throw unusable(
          name,
          "the store has this layer's bias and not its weight, of which the factors are; leave the bias out of the blocks"
        )
      }
      let block = layout.blocks[weight]
      let outputs = block.shape.first ?? 1
      let inputs = block.width / max(1, outputs) + (bias == nil ? 0 : 1)
      guard size.outputs == outputs, size.inputs == inputs,
        bias.map({ layout.blocks[$0].width == outputs }) ?? true
      else {
        let found = "\(size.outputs) outputs and \(size.inputs) inputs"
        let hint =
          size.outputs == outputs && size.inputs == inputs + 1 && bias == nil
          ? "the last is that of a bias, of which the store has no gradients: write those too"
          : "compute both from the same model"
        throw unusable(
          layer,
          "its factors have \(found), where gradients have \(outputs) and \(inputs); \(hint)")
      }
      blocks.append(
        Entry(
          name: bias == nil ? block.name : name, layer: layer, weight: weight, bias: bias,
          outputs: outputs, inputs: inputs))
    }
    self.blocks = blocks
  }

  /// The layer of each name: that of the same name, or all by one beginning or part that layers have and names have not.
  private static func layers(
    of names: [String], among layers: [String], unusable: (String, String) -> GradientStoreError
  ) throws(GradientStoreError) -> [String: String] {
    func places(_ excess: NameExcess) -> [String: [String]] {
      Dictionary(grouping: layers, by: excess.shortened)
    }
    var candidates = [NameExcess()]
    var parts: OrderedSet<String> = [""]
    for layer in layers {
      parts.formUnion(layer.split(separator: ".").dropFirst().map(String.init))
    }
    for part in parts {
      for layer in layers {
        let short = NameExcess(part: part).shortened(layer)
        guard short.hasSuffix(names[0]) else { continue }
        candidates.append(
          NameExcess(prefix: String(short.dropLast(names[0].count)), part: part))
      }
    }
    func undecided(_ name: String, _ choices: [String]) -> GradientStoreError {
      unusable(
        name,
        "\(choices.prefix(3).map(\.quoted).joined(separator: " and ")) could all be its layer; write the gradients with the layers' whole names, or keep the factors of these layers alone in the folder"
      )
    }
    var ambiguous: (name: String, layers: [String])?
    var mappings: [[String: String]] = []
    var best: (missing: [String], excess: NameExcess)?
    for excess in candidates {
      let found = places(excess)
      let missing = names.filter { found[$0] == nil }
      if missing.isEmpty {
        for name in names where (found[name]?.count ?? 0) > 1 {
          ambiguous = ambiguous ?? (name, found[name] ?? [])
        }
        guard names.allSatisfy({ found[$0]?.count == 1 }) else { continue }
        let mapping = names.reduce(into: [:]) { $0[$1] = found[$1]?.first }
        // The names as they are need no guess.
        if excess == NameExcess() { return mapping }
        if let other = mappings.first, other != mapping {
          let name = names.first { other[$0] != mapping[$0] } ?? names[0]
          throw undecided(name, [other[name], mapping[name]].compactMap(\.self))
        }
        mappings.append(mapping)
        continue
      }
      if missing.count < best?.missing.count ?? Int.max { best = (missing, excess) }
    }
    if let mapping = mappings.first { return mapping }
    if let ambiguous { throw undecided(ambiguous.name, ambiguous.layers) }
    let missing = best?.missing ?? names
    let others = missing.count > 3 ? " and \(missing.count - 3) more" : ""
    throw unusable(
      missing[0],
      "there are no factors of \(missing.prefix(3).map(\.quoted).joined(separator: ", "))\(others); the folder has \(layers.prefix(2).map(\.quoted).joined(separator: ", ")) and \(max(0, layers.count - 2)) more; fit factors of every layer, or choose the blocks that have some"
    )
  }
}
