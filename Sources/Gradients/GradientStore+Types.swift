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
    let types = shards.flatMap { $0.blocks.map(\.elementType) }
    return types.contains(.float64) ? .float64 : .float32
  }

  /// What the writers of all shards remembered alike.
  var commonProvenance: [String: String] {
    guard let first = manifests.first??.provenance else { return [:] }
    return first.filter { key, value in
      !key.hasPrefix("copied_") && manifests.allSatisfy { $0?.provenance[key] == value }
    }
  }
}

extension ElementType {
  /// Whether every number of another type is one of this type.
  public func holds(_ other: ElementType) -> Bool {
    switch self {
    case .float64: true
    case .float32: other != .float64
    case .float16, .bfloat16: other == self
    }
  }
}
