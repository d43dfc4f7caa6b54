public import TensorFiles

extension GradientStore {
  /// The one type of all numbers, in all shards and blocks; nil where there are several.
  public var commonElementType: ElementType? {
    let types = Set(shards.flatMap { $0.blocks.map(\.elementType) })
    return types.count == 1 ? types.first : nil
  }

  /// The narrowest type that holds every number exactly.
  public var sufficientElementType: ElementType {
    if let commonElementType { return commonElementType }
    return isWide ? .float64 : .float32
  }

  /// Whether some numbers are wider than single precision.
  var isWide: Bool {
    shards.contains { $0.blocks.contains { $0.elementType == .float64 } }
  }

  /// What the writers of all shards remembered alike.
  package var commonProvenance: [String: String] {
    guard let first = manifests.first??.provenance else { return companions.provenance }
    return first.filter { key, value in
      !key.hasPrefix("copied_") && manifests.allSatisfy { $0?.provenance[key] == value }
    }
  }

  /// What copies should remember: what the writers did, and what is known of the files of another tool.
  var rememberedProvenance: [String: String] {
    var remembered = commonProvenance
    if let origin { remembered["origin"] = remembered["origin"] ?? origin.description }
    return remembered
  }

  /// Bytes of one row of gradients: all blocks, and the scales of int8; in the first shard.
  public var bytesPerRow: Int {
    layout.blocks.indices.reduce(0) { $0 + bytesPerRow(ofBlock: $1) }
  }

  /// How many bytes a row of one block takes, as it is stored.
  public func bytesPerRow(ofBlock block: Int) -> Int {
    shards.first?.blocks[block].bytesPerRow(width: layout.blocks[block].width) ?? 0
  }

  /// The paths of the files that hold the gradients; none for gradients in memory.
  package var filePaths: [String] { shards.flatMap { $0.files.map(\.path) } }

  /// Whether the writer recorded the norms of every row, so that they cost no pass.
  package var recordsNorms: Bool {
    !shards.isEmpty && shards.allSatisfy { $0.squaredNorms != nil }
  }
}

extension ElementType {
  /// Whether every number of another type is one of this type.
  ///
  /// A scaled integer is a number of float32; only a copy of the integers themselves keeps it in int8.
  public func holds(_ other: ElementType) -> Bool {
    switch self {
    case .float64: true
    case .float32: other != .float64
    case .float16, .bfloat16, .int8: other == self
    }
  }

  /// Bytes of one row of one block in a store: its numbers and, of int8, their scale.
  public func byteCount(ofBlockOfWidth width: Int) -> Int {
    width * byteCount + (self == .int8 ? ElementType.float32.byteCount : 0)
  }
}
