internal import InfluenceKit

/// Blocks by the layer that they belong to, or by several layers where there are more than a dozen.
package struct LayerGroups: Sendable, Equatable {
  /// What is shown of each group, in the order of the layout.
  package let names: [String]
  /// The group of each block.
  package let groupOfBlock: [Int]
  /// The group of a block by its name.
  let groupOfName: [String: Int]

  /// The most groups.
  package static let most = 12

  /// Groups blocks by their names.
  ///
  /// `encoder.layer.3.attention.query.weight` is of `layer 3`: the first number in a name, and the word before it. What
  /// has no number is of the layer that it is a parameter of. Layers beyond a dozen go together with their neighbours.
  package init(of blocks: [String]) {
    var order: [Key] = []
    var places: [Key: Int] = [:]
    var layerOfBlock: [Int] = []
    for block in blocks {
      let key = Key(block)
      if places[key] == nil {
        places[key] = order.count
        order.append(key)
      }
      layerOfBlock.append(places[key] ?? 0)
    }
    let short = order.map(\.shortName)
    // Where two are called the same, both have their whole names.
    let layers = order.enumerated().map { place, key in
      short.count { $0 == short[place] } > 1 ? key.wholeName : short[place]
    }
    guard order.count > Self.most else {
      names = layers
      groupOfBlock = layerOfBlock
      groupOfName = Dictionary(uniqueKeysWithValues: zip(blocks, layerOfBlock))
      return
    }
    let groups = (0..<order.count).map { $0 * Self.most / order.count }
    groupOfBlock = layerOfBlock.map { groups[$0] }
    groupOfName = Dictionary(uniqueKeysWithValues: zip(blocks, groupOfBlock))
    names = (0..<Self.most).map { group in
      let members = order.indices.filter { groups[$0] == group }
      let (first, last) = (order[members[0]], order[members[members.count - 1]])
      guard members.count > 1 else { return layers[members[0]] }
      if let low = first.number, let high = last.number, first.prefix == last.prefix {
        return "\(first.word)s \(low)–\(high)"
      }
      return "\(layers[members[0]]) … \(layers[members[members.count - 1]])"
    }
  }

  /// Blocks as pictures call them: the layer, and what the parameter is called in it; the whole name where that is not
  /// different for each.
  package static func shortNames(of blocks: [String]) -> [String] {
    let names = blocks.map { block -> String in
      let key = Key(block)
      let whole = block.split(separator: ".", omittingEmptySubsequences: false)
      let used = key.prefix.split(separator: ".", omittingEmptySubsequences: false).count
      let inside = whole.dropFirst(used + (key.number == nil ? 0 : 1))
        .filter { !["weight", "default"].contains($0) }
      return ([key.shortName] + [inside.suffix(2).joined(separator: ".")]).filter { !$0.isEmpty }
        .joined(separator: " ")
    }
    return blocks.indices.map { place in
      names.count { $0 == names[place] } > 1 ? blocks[place] : names[place]
    }
  }

  /// Sums shares of blocks to those of groups.
  package func summed(_ shares: [Double]) -> [Double] {
    var sums = [Double](repeating: 0, count: names.count)
    for (share, group) in zip(shares, groupOfBlock) { sums[group] += share }
    return sums
  }

  /// What tells one layer from another.
  private struct Key: Hashable {
    /// The name up to the number, or all of it.
    let prefix: String
    let number: Int?

    init(_ block: String) {
      let components = block.split(separator: ".", omittingEmptySubsequences: false)
      if let place = components.indices.dropFirst().first(where: { Int(components[$0]) != nil }) {
        prefix = components[..<place].joined(separator: ".")
        number = Int(components[place])
      } else {
        prefix = BlockPartition.layer(of: block)
        number = nil
      }
    }

    /// The last word of the prefix, in the singular; PEFT's wrapper of a head says nothing.
    var word: String {
      var components = prefix.split(separator: ".")
      if components.count > 1, components.last == "modules_to_save" { components.removeLast() }
      let word = components.last.map(String.init) ?? prefix
      guard number != nil else { return word }
      return word == "h" ? "layer" : word.hasSuffix("s") ? String(word.dropLast()) : word
    }

    var shortName: String { number.map { "\(word) \($0)" } ?? word }
    var wholeName: String { number.map { "\(prefix).\($0)" } ?? prefix }
  }
}
