import LinearAlgebra
import TensorFiles

extension GradientStore {
  /// The same rows in coarser blocks, without a copy.
  ///
  /// Blocks that lie side by side in a file become one wider slice of it; others are read one after the
  /// other. Norms, ids, checksums and what is known of the curvature stay those of the files.
  ///
  /// - Parameter partition: Which blocks become one.
  /// - Returns: A store whose blocks are the groups; a group of one block keeps the block's shape.
  /// - Throws: ``GradientStoreError/unusablePartition(store:reason:)``.
  /// - Complexity: O(shards · blocks); no gradients are read.
  public func partitioned(by partition: BlockPartition) throws -> GradientStore {
    if partition == .tensor { return self }
    guard members == nil else {
      throw GradientStoreError.unusablePartition(
        store: name, reason: "it is grouped already; group the store as it was opened")
    }
    let groups = try partition.groups(of: layout, store: name)
    let places = Dictionary(
      uniqueKeysWithValues: layout.blocks.enumerated().map { ($1.name, $0) })
    let members = groups.map { group in group.blocks.compactMap { places[$0] } }
    let coarse = BlockLayout(
      zip(groups, members).map { group, members in
        let only = members.count == 1 ? layout.blocks[members[0]].shape : nil
        return (group.name, only ?? [members.reduce(0) { $0 + layout.blocks[$1].width }])
      })
    let coarseShards = shards.map { shard in
      Shard(
        rows: shard.rows, firstStoredRow: shard.firstStoredRow,
        storedRowCount: shard.storedRowCount,
        blocks: members.map { members in
          BlockSource(
            joining: members.map {
              JoinedBlocks.Member(source: shard.blocks[$0], width: layout.blocks[$0].width)
            })
        }, squaredNorms: shard.squaredNorms, files: shard.files)
    }
    return GradientStore(
      name: name, kind: kind, layout: coarse, shards: coarseShards, manifests: manifests,
      companions: companions,
      members: Members(partition: partition, stored: layout, ofBlocks: members))
  }

  /// How the stored blocks were grouped.
  public var partition: BlockPartition { members?.partition ?? .tensor }

  /// What the blocks of a grouped store are made of.
  struct Members: Sendable, Hashable {
    /// Which blocks became one.
    let partition: BlockPartition
    /// The blocks as they are stored.
    let stored: BlockLayout
    /// The stored blocks in each block, in the order of its columns.
    let ofBlocks: [[Int]]
  }

  /// The names of the stored blocks that a block is made of, in the order of its columns.
  public func members(ofBlock index: Int) -> [String] {
    guard let members else { return [layout.blocks[index].name] }
    return members.ofBlocks[index].map { members.stored.blocks[$0].name }
  }

  /// The columns of the written gradient row that a block is made of, one after the other.
  public func sourceColumns(ofBlock index: Int) -> [Range<Int>] {
    guard let members else { return [layout.blocks[index].columns] }
    return members.ofBlocks[index].map { members.stored.blocks[$0].columns }
  }

  /// Why rows of another store cannot be multiplied with this one's, one sentence per reason.
  ///
  /// Blocks must agree by name and shape, be made of the same stored blocks in the same order, and be
  /// projected alike, if they are.
  ///
  /// - Parameters:
  ///   - other: The queries, for example.
  ///   - label: What this store is called in the sentences.
  ///   - otherLabel: What the other is called.
  public func differences(
    from other: GradientStore, label: String = "train", otherLabel: String = "query"
  ) -> [String] {
    let differences = layout.differences(from: other.layout, label: label, otherLabel: otherLabel)
    guard differences.isEmpty else { return differences }
    if let difference = projectionDifference(from: other, label: label, otherLabel: otherLabel) {
      return [difference]
    }
    let places = Dictionary(
      uniqueKeysWithValues: other.layout.blocks.enumerated().map { ($1.name, $0) })
    return layout.blocks.enumerated().compactMap { index, block in
      let mine = members(ofBlock: index)
      let others = places[block.name].map { other.members(ofBlock: $0) } ?? mine
      return mine == others
        ? nil
        : "block \(block.name) is made of \(mine.joined(separator: " + ")) in \(label) but of \(others.joined(separator: " + ")) in \(otherLabel)"
    }
  }
}

extension GradientStore {
  /// The same rows of some of the blocks, which may lose the beginning of their names, without a copy.
  ///
  /// What lies beside the gradients names blocks as they are stored, and is left behind but for the ids.
  ///
  /// - Parameters:
  ///   - patterns: Which blocks: those whose name, as it is stored or shortened, fits one of the patterns, in which
  ///     `*` stands for any characters and `?` for one; all unless given.
  ///   - prefix: What is taken away at the beginning of names; nothing unless given.
  ///   - part: What is taken away between dots of names, with one of the dots; nothing unless given.
  /// - Throws: ``GradientStoreError/unusablePartition(store:reason:)`` where a pattern fits no block, no name begins with
  ///   the prefix, or two blocks would have one name.
  public func selectingBlocks(
    matching patterns: [String] = [], strippingPrefix prefix: String = "",
    strippingPart part: String = ""
  ) throws -> GradientStore {
    guard !patterns.isEmpty || !prefix.isEmpty || !part.isEmpty else { return self }
    func problem(_ reason: String) -> GradientStoreError {
      .unusablePartition(store: name, reason: reason)
    }
    guard members == nil else {
      throw problem("it is grouped already; select the blocks of the store as it was opened")
    }
    let names = layout.blocks.map(\.name)
    let excess = NameExcess(prefix: prefix, part: part)
    func shortened(_ name: String) -> String { excess.shortened(name) }
    if !prefix.isEmpty, !names.contains(where: { $0.hasPrefix(prefix) && $0 != prefix }) {
      throw problem("no block's name begins with \(prefix.quoted); the first is \(names[0].quoted)")
    }
    if !part.isEmpty, !names.contains(where: excess.hasPart) {
      throw problem(
        "no block's name has \(part.quoted) between dots; the first is \(names[0].quoted)")
    }
    let kept =
      try patterns.isEmpty
      ? Array(names.indices)
      : layout.places(fitting: patterns, of: name, shortened: shortened)
    var taken: [String: String] = [:]
    for index in kept {
      let short = shortened(names[index])
      if let other = taken.updateValue(names[index], forKey: short) {
        throw problem("\(other.quoted) and \(names[index].quoted) would both be \(short.quoted)")
      }
    }
    var beside = Companions(exampleIDs: companions.exampleIDs)
    beside.provenance = companions.provenance
    var selected = GradientStore(
      name: name, kind: kind,
      layout: BlockLayout(kept.map { (shortened(names[$0]), layout.blocks[$0].shape) }),
      shards: shards.map { shard in
        Shard(
          rows: shard.rows, firstStoredRow: shard.firstStoredRow,
          storedRowCount: shard.storedRowCount,
          blocks: kept.map { shard.blocks[$0] }, squaredNorms: nil, files: shard.files)
      }, manifests: manifests, companions: beside)
    selected.origin = origin
    return selected
  }
}
