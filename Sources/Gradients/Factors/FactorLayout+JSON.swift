import TensorFiles

/// Factors as a manifest has them: `rank`, and where it is known, how much is kept of each block.
extension FactorLayout {
  /// As it stands in the manifest.
  func json(_ fidelity: [BlockFidelity]?) -> OrderedJSON {
    guard let fidelity else { return ["rank": .integer(rank)] }
    return [
      "rank": .integer(rank),
      "blocks": .array(
        fidelity.map { block in
          [
            "squared_norm": .number(block.squaredNorm), "lost_squared_norm": .number(block.lost),
          ]
        }),
    ]
  }

  /// Reads what a manifest holds.
  ///
  /// - Throws: ``GradientStoreError/invalidField(path:field:reason:)``.
  static func reading(
    _ json: OrderedJSON, of layout: BlockLayout, path: String
  ) throws(GradientStoreError) -> (factors: FactorLayout, fidelity: [BlockFidelity]?) {
    func invalid(_ field: String, _ reason: String) -> GradientStoreError {
      .invalidField(
        path: path, field: "factors.\(field)", reason: reason + "; restore it from a copy")
    }
    guard let rank = json["rank"]?.integer, rank > 0 else {
      throw invalid("rank", "is not a rank from 1 up")
    }
    let factors = try FactorLayout(rank: rank, of: layout, path: path)
    guard let blocks = json["blocks"] else { return (factors, nil) }
    guard let entries = blocks.array, entries.count == layout.count else {
      throw invalid("blocks", "is not an array of as many entries as blocks")
    }
    var fidelity: [BlockFidelity] = []
    for (index, entry) in entries.enumerated() {
      guard let norm = entry["squared_norm"]?.number, norm >= 0, norm.isFinite,
        let lost = entry["lost_squared_norm"]?.number, lost >= 0, lost.isFinite
      else { throw invalid("blocks[\(index)]", "does not have two sums of squares") }
      fidelity.append(BlockFidelity(squaredNorm: norm, lost: lost))
    }
    return (factors, fidelity)
  }
}
