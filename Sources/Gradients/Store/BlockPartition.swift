import Foundation
import OrderedCollections
public import TensorFiles

/// How the parameter tensors of a store are grouped into the blocks that a method treats as one.
///
/// F and its inverse are taken block by block, so a partition decides which parameters may interact: none
/// beyond a tensor, those of a layer, or all of them, as TRAK has it.
public enum BlockPartition: Sendable, Hashable {
  /// Blocks as they are stored.
  case tensor
  /// One block per layer; see ``layer(of:)``.
  case layer
  /// One block, called `all`.
  case all
  /// Named groups; every stored block is in exactly one.
  case mapping([Group])

  /// Some blocks under one name.
  public struct Group: Sendable, Hashable {
    /// The new block's name.
    public let name: String
    /// The stored blocks in it, in the order of its columns.
    public let blocks: [String]

    /// Makes a group.
    public init(name: String, blocks: [String]) {
      self.name = name
      self.blocks = blocks
    }
  }

  /// Reads `tensor`, `layer`, `all`, or the path of a JSON file `{"group": ["block", …], …}`.
  ///
  /// - Throws: ``GradientStoreError/invalidField(path:field:reason:)``, or an error of the file.
  public init(_ text: String) throws {
    let url = URL(filePath: text)
    self = try Self.rules[text] ?? .mapping(Self.groups(in: .init(contentsOf: url), path: url.path))
  }

  private static let rules: [String: BlockPartition] = [
    "tensor": .tensor, "layer": .layer, "all": .all,
  ]

  private static func groups(
    in json: OrderedJSON, path: String
  ) throws(GradientStoreError) -> [Group] {
    guard let members = json.object, !members.isEmpty else {
      throw .invalidField(
        path: path, field: "groups",
        reason:
          "are not an object of group names and lists of blocks; write {\"group\": [\"block\"]}"
      )
    }
    var groups: [Group] = []
    for (name, list) in members {
      let blocks = list.array?.compactMap(\.string) ?? []
      guard !blocks.isEmpty, blocks.count == list.array?.count else {
        throw .invalidField(
          path: path, field: name,
          reason: "is not a list of block names; write {\"group\": [\"block\"]}")
      }
      groups.append(Group(name: name, blocks: blocks))
    }
    return groups
  }

  /// A rule's name, or the groups as they stand in a file.
  public var json: OrderedJSON {
    guard case .mapping(let groups) = self else { return .string(description) }
    return .object(
      OrderedDictionary(uniqueKeysWithValues: groups.map { ($0.name, .list($0.blocks)) }))
  }

  /// Reads what ``json`` gave.
  ///
  /// - Throws: ``GradientStoreError/invalidField(path:field:reason:)``.
  public init(json: OrderedJSON, path: String) throws(GradientStoreError) {
    if let rule = json.string.flatMap({ Self.rules[$0] }) {
      self = rule
    } else {
      self = .mapping(try Self.groups(in: json, path: path))
    }
  }

  /// The layer that a parameter belongs to, by its name.
  ///
  /// A name loses what says which parameter of its layer it is: a last component such as `weight` or
  /// `bias`, and everything from a component `lora_A` or `lora_B` on. `layers.0.weight` and `layers.0.bias`
  /// are of `layers.0`; `q_proj.lora_A.default.weight` is of `q_proj`. Other names are layers themselves:
  /// a store with one block per module stays as it is.
  public static func layer(of name: String) -> String {
    var components = name.split(separator: ".", omittingEmptySubsequences: false)
    if let adapter = components.firstIndex(where: { $0.lowercased().hasPrefix("lora_") }),
      adapter > 0
    {
      components.removeSubrange(adapter...)
    } else if components.count > 1, let last = components.last,
      parameterNames.contains(last.lowercased())
    {
      components.removeLast()
    }
    return components.joined(separator: ".")
  }

  /// The places of the blocks of the last block's layer.
  package static func lastLayer(of layout: BlockLayout) -> [Int] {
    guard let last = layout.blocks.last else { return [] }
    return layout.blocks.indices.filter {
      layer(of: layout.blocks[$0].name) == layer(of: last.name)
    }
  }

  private static let parameterNames: Set<String> = [
    "weight", "bias", "kernel", "scale", "offset", "gamma", "beta", "embedding", "w", "b",
  ]

  /// The groups of a layout's blocks, those of a rule in the order of their first blocks.
  ///
  /// - Throws: ``GradientStoreError/unusablePartition(store:reason:)`` where a mapping names a block that
  ///   is not there, twice, or not at all.
  func groups(of layout: BlockLayout, store: String) throws(GradientStoreError) -> [Group] {
    let names = layout.blocks.map(\.name)
    switch self {
    case .tensor: return names.map { Group(name: $0, blocks: [$0]) }
    case .all: return [Group(name: "all", blocks: names)]
    case .layer:
      var order: [String] = []
      var members: [String: [String]] = [:]
      for name in names {
        let layer = Self.layer(of: name)
        if members[layer] == nil { order.append(layer) }
        members[layer, default: []].append(name)
      }
      return order.map { Group(name: $0, blocks: members[$0] ?? []) }
    case .mapping(let groups):
      var remaining = Set(names)
      for group in groups {
        for block in group.blocks where remaining.remove(block) == nil {
          throw .unusablePartition(
            store: store,
            reason: names.contains(block)
              ? "block \(block.quoted) is named twice; name it in one group"
              : "group \(group.name.quoted) names block \(block.quoted), which the store does not have; its layout lists its blocks"
          )
        }
      }
      if let missing = names.first(where: remaining.contains) {
        throw .unusablePartition(
          store: store, reason: "block \(missing.quoted) is in no group; add it to one")
      }
      return groups
    }
  }
}

extension BlockPartition: CustomStringConvertible {
  /// `tensor`, `layer`, `all`, or the groups as they would stand in a file, on one line.
  public var description: String {
    switch self {
    case .tensor: return "tensor"
    case .layer: return "layer"
    case .all: return "all"
    case .mapping(let groups):
      return "{"
        + groups.map {
          "\($0.name.quoted): [\($0.blocks.map(\.quoted).joined(separator: ", "))]"
        }.joined(separator: ", ") + "}"
    }
  }
}
