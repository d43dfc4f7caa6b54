public import Gradients

extension Adapter {
  /// The blocks that gradients are taken of, by name and shape.
  public var gradientLayout: BlockLayout {
    BlockLayout(gradientBlocks.map { (layout.blocks[$0].name, layout.blocks[$0].shape) })
  }

  /// The same adapter, of which gradients are taken of some blocks alone.
  ///
  /// Layers below the first that has one of them are not gone back through, and nothing is multiplied for the others.
  ///
  /// - Parameters:
  ///   - patterns: Which blocks: those whose name fits one of the patterns, in which `*` stands for any characters and
  ///     `?` for one; all where there are none.
  ///   - source: What to call the adapter in messages.
  /// - Throws: `GradientStoreError.unusablePartition` where a pattern fits no block.
  public func takingGradients(
    ofBlocks patterns: [String], source: String = "the adapter"
  ) throws(GradientStoreError) -> Adapter {
    guard !patterns.isEmpty else { return self }
    var chosen = self
    chosen.gradientBlocks = try layout.places(fitting: patterns, of: source)
    return chosen
  }

  /// The maps with a pair of which a gradient is taken.
  var gradientModules: [Module] {
    let places = Set(gradientBlocks)
    return modules.indices.filter { places.contains(2 * $0) || places.contains(2 * $0 + 1) }
      .map { modules[$0] }
  }
}
