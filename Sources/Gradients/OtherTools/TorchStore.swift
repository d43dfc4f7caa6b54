import Foundation
import OrderedCollections
import TensorFiles

/// Gradients in a `.pt` file of PyTorch: a tensor, a dictionary or list of tensors with the example first, or a list with the
/// gradients of one example after the other.
enum TorchStore: StoreFormat {
  /// What the block of a single tensor is called.
  static let block = "gradients"

  static func open(_ place: StorePlace) throws -> GradientStore? {
    let path = place.url.path
    switch place.fileKind {
    case .archive: break
    case .pickle:
      throw GradientStoreError.inconsistent(
        path: path,
        reason:
          "the file is a pickle, as PyTorch before 1.6 and other programs write it, and running one can do anything; load it where you trust it, and torch.save a dictionary of tensors"
      )
    default: return nil
    }
    guard let file = try TorchFile(opening: place.url) else { return nil }
    if place.check.covers(byteCount: file.map.count) { try file.verify() }
    return try store(of: file, path: path, joinsRows: place.joinsRows)
  }

  static func store(
    of file: TorchFile, path: String, joinsRows: Bool
  ) throws -> GradientStore {
    var leaves = TorchLeaves(path: path)
    let entries = examples(in: file.value)
    var store: GradientStore
    if let entries {
      store = try leaves.rows(of: entries, map: file.map)
    } else if case .list(let values) = file.value,
      let batches = batches(in: values, joinsRows: joinsRows)
    {
      store = try GradientStore.joining(
        batches.map { try leaves.store(of: [(block, $0)], map: file.map) }, name: path)
    } else {
      store = try leaves.store(of: leaves.tensors(in: file.value), map: file.map)
    }
    store = GradientStore(
      name: path, kind: .torch, layout: store.layout, shards: store.shards,
      manifests: store.manifests)
    store.origin = StoreOrigin(
      tool: "torch.save",
      known: [
        entries == nil
          ? "the first dimension of tensors is taken for the example"
          : "each entry is taken for an example"
      ] + leaves.remarks,
      unknown: [
        "whether rows are gradients of examples, of which loss and with which sign",
        "whether they are normalised, preconditioned or projected",
      ])
    return store
  }

  /// The entries of a list, or of a dictionary whose keys count from 0, of which each is all of one example.
  ///
  /// They are containers, vectors of equally many numbers, or tensors of one row each.
  private static func examples(in value: TorchValue) -> [TorchValue]? {
    let values: [TorchValue]
    switch value {
    case .list(let items): values = items
    case .dictionary(let members)
    where members.enumerated().allSatisfy { "\($0.offset)" == $0.element.key }:
      values = members.map(\.value)
    default: return nil
    }
    guard let first = values.first, first.holdsTensors else { return nil }
    guard case .tensor(let tensor) = first else {
      return values.allSatisfy(\.isContainer) ? values : nil
    }
    let isRow = tensor.shape.count == 1 || values.count > 1 && tensor.shape.first == 1
    let areAlike = values.allSatisfy {
      guard case .tensor(let other) = $0 else { return false }
      return other.shape == tensor.shape
    }
    return isRow && areAlike ? values : nil
  }

  /// The tensors of a list that hold rows of one block after the other.
  private static func batches(in values: [TorchValue], joinsRows: Bool) -> [TorchTensor]? {
    let tensors = values.compactMap { value -> TorchTensor? in
      guard case .tensor(let tensor) = value else { return nil }
      return tensor
    }
    guard tensors.count == values.count, let first = tensors.first, first.shape.count > 1,
      tensors.allSatisfy({
        $0.shape.dropFirst() == first.shape.dropFirst() && $0.elementType == first.elementType
      })
    else { return nil }
    return joinsRows || tensors.contains { $0.rows != first.rows } ? tensors : nil
  }
}

extension TorchValue {
  fileprivate var isContainer: Bool {
    switch self {
    case .list, .dictionary: true
    case .tensor, .plain: false
    }
  }
}

/// The tensors of a file that are gradients, and what is left out because it is none.
struct TorchLeaves {
  typealias Named = (name: String, tensor: TorchTensor)

  let path: String
  private var integers: OrderedSet<String> = []
  private var plain: OrderedSet<String> = []

  init(path: String) { self.path = path }

  /// What was left out, for people.
  var remarks: [String] {
    func remark(_ names: OrderedSet<String>, _ kind: String) -> [String] {
      guard !names.isEmpty else { return [] }
      let more = names.count > 3 ? " and \(names.count - 3) more" : ""
      return ["left out, because \(kind): \(names.prefix(3).joined(separator: ", "))\(more)"]
    }
    return remark(integers, "they hold integers") + remark(plain, "they are no tensors")
  }

  /// All tensors of floating point, named by the keys that lead to them.
  mutating func tensors(in value: TorchValue, named name: String = "") -> [Named] {
    func inner(_ key: String) -> String { name.isEmpty ? key : "\(name).\(key)" }
    switch value {
    case .tensor(let tensor):
      let name = name.isEmpty ? TorchStore.block : name
      if tensor.elementType != nil { return [(name, tensor)] }
      integers.append(name)
      return []
    case .list(let values):
      var found: [Named] = []
      for (index, value) in values.enumerated() {
        found += tensors(in: value, named: inner("\(index)"))
      }
      return found
    case .dictionary(let members):
      var found: [Named] = []
      for member in members { found += tensors(in: member.value, named: inner(member.key)) }
      return found
    case .plain:
      plain.append(name)
      return []
    }
  }

  /// A store of tensors that have one row per example.
  func store(of tensors: [Named], map: MemoryMap) throws -> GradientStore {
    guard let first = tensors.first else { throw noTensors }
    var sources: [BlockSource] = []
    for (name, tensor) in tensors {
      guard !tensor.shape.isEmpty else {
        throw GradientStoreError.invalidBlock(
          path: path, block: name,
          reason:
            "is a single number; gradients have one row per example, so leave it out of the file")
      }
      guard tensor.rows == first.tensor.rows else {
        throw GradientStoreError.invalidBlock(
          path: path, block: name,
          reason:
            "has \(tensor.rows) rows, but \(first.name.quoted) has \(first.tensor.rows); every block needs one row per example, so save tensors of the same examples alone"
        )
      }
      guard let type = tensor.elementType else { throw noTensors }
      sources.append(
        tensor.mapped.map(BlockSource.mapped)
          ?? .derived(GatheredRows(tensor: tensor, elementType: type), firstRow: 0))
    }
    let parameters = tensors.map { name, tensor in
      (name: name, shape: tensor.shape.count == 1 ? [1] : Array(tensor.shape.dropFirst()))
    }
    return GradientStore(
      name: path, kind: .torch, layout: try BlockLayout(validating: parameters, path: path),
      count: first.tensor.rows, blocks: sources, files: [map])
  }

  /// A store of entries of which each has the gradients of one example, under the same names.
  mutating func rows(of entries: [TorchValue], map: MemoryMap) throws -> GradientStore {
    let examples = entries.map { tensors(in: $0) }
    guard let first = examples.first, !first.isEmpty else { throw noTensors }
    for (row, example) in examples.enumerated()
    where example.map(\.name) != first.map(\.name)
      || example.map(\.tensor.shape) != first.map(\.tensor.shape)
    {
      throw GradientStoreError.inconsistent(
        path: path,
        reason:
          "entry \(row) does not hold tensors of the names and shapes of entry 0; save the same parameters of each example, or a dictionary of tensors with the example first"
      )
    }
    let sources = first.indices.map { block in
      let column = examples.map { $0[block].tensor }
      return BlockSource.derived(
        TensorRows(tensors: column, elementType: .common(column.compactMap(\.elementType))),
        firstRow: 0)
    }
    let parameters = first.map { name, tensor in
      (name: name, shape: tensor.shape.isEmpty ? [1] : tensor.shape)
    }
    return GradientStore(
      name: path, kind: .torch, layout: try BlockLayout(validating: parameters, path: path),
      count: examples.count, blocks: sources, files: [map])
  }

  private var noTensors: GradientStoreError {
    .unrecognised(path: path, found: "it holds no tensors of floating point")
  }
}
