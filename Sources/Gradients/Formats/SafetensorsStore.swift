import Foundation
import OrderedCollections
import TensorFiles

/// Gradients in a `.safetensors` file: one tensor per block, whose first dimension is the example.
enum SafetensorsStore: StoreFormat {
  /// A tensor, and the file that holds it.
  typealias Tensor = (file: SafetensorsFile, name: String)

  static func open(_ place: StorePlace) throws -> GradientStore? {
    guard place.fileKind == .safetensors else { return nil }
    let file = try SafetensorsFile(opening: place.url)
    if place.check.covers(byteCount: file.map.count) { _ = try file.verify() }
    let store = try store(of: tensors(of: file), path: place.url.path)
    var beside = Companions()
    beside.provenance = try provenance(in: file)
    return store.with(beside)
  }

  /// The member of the metadata in which a file remembers how its gradients were made.
  private static let provenanceKey = "influencekit"

  /// Metadata that remember how gradients were made, as a JSON object in one member.
  static func metadata(
    remembering provenance: [String: String]
  ) throws -> OrderedDictionary<String, String> {
    guard !provenance.isEmpty else { return [:] }
    let json = OrderedJSON.object(provenance.sortedByKey.mapValues { .string($0) })
    return [provenanceKey: try json.serialized()]
  }

  /// What a file remembers of its making; nothing unless it was written here.
  private static func provenance(in file: SafetensorsFile) throws -> [String: String] {
    guard let text = file.metadata[provenanceKey] else { return [:] }
    let json = try OrderedJSON(parsing: Array(text.utf8), path: file.map.path)
    return (json.object ?? [:]).reduce(into: [:]) { $0[$1.key] = $1.value.string }
  }

  static func tensors(of file: SafetensorsFile) -> [Tensor] {
    file.tensors.keys.map { (file: file, name: $0) }
  }

  /// A store of tensors in one file or several, which all must have one row per example.
  static func store(of tensors: [Tensor], path: String) throws -> GradientStore {
    guard let first = tensors.first.flatMap({ $0.file.tensors[$0.name] }) else {
      throw GradientStoreError.unrecognised(path: path, found: "the file holds no tensors")
    }
    var parameters: [(name: String, shape: [Int])] = []
    for (file, name) in tensors {
      let shape = file.tensors[name]?.shape ?? []
      guard let count = shape.first else {
        throw GradientStoreError.invalidBlock(
          path: file.map.path, block: name,
          reason:
            "is a single number; gradients have one row per example, so leave it out of the file"
        )
      }
      guard count == first.shape.first else {
        throw GradientStoreError.invalidBlock(
          path: file.map.path, block: name,
          reason:
            "has \(count) rows, but \(first.name.quoted) has \(first.shape.first ?? 0); every block needs one row per example, so write them for the same examples"
        )
      }
      parameters.append((name, shape.count == 1 ? [1] : Array(shape.dropFirst())))
    }
    var maps: OrderedDictionary<String, MemoryMap> = [:]
    for (file, _) in tensors { maps[file.map.path] = file.map }
    return GradientStore(
      name: path, kind: .safetensors,
      layout: try BlockLayout(validating: parameters, path: path), count: first.shape.first ?? 0,
      blocks: try tensors.map { BlockSource.mapped(try $0.file.mapped($0.name)) },
      files: Array(maps.values))
  }
}
