import TensorFiles

extension BlockLayout {
  /// The places of the blocks whose names fit one of some patterns, in order.
  ///
  /// - Parameters:
  ///   - patterns: At least one, in which `*` stands for any characters and `?` for one.
  ///   - source: What has the blocks, for the message.
  ///   - shortened: Another name of a block, which may fit in its place.
  /// - Throws: ``GradientStoreError/unusablePartition(store:reason:)`` where a pattern fits no block.
  package func places(
    fitting patterns: [String], of source: String,
    shortened: (String) -> String = { $0 }
  ) throws(GradientStoreError) -> [Int] {
    let fitting = patterns.map { text in
      let pattern = NamePattern(text)
      return blocks.indices.filter {
        pattern.fits(blocks[$0].name) || pattern.fits(shortened(blocks[$0].name))
      }
    }
    if let useless = fitting.firstIndex(where: \.isEmpty) {
      throw .unusablePartition(
        store: source,
        reason:
          "no block's name fits \(patterns[useless].quoted); the first is \((blocks.first?.name ?? "").quoted)"
      )
    }
    return Set(fitting.joined()).sorted()
  }
}
