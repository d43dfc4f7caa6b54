import LinearAlgebra

extension GradientStore {
  /// Single rows as a store in memory, read in double precision.
  ///
  /// It is grouped and projected as this store is, so that the two go together; see
  /// ``differences(from:label:otherLabel:)``.
  ///
  /// - Parameters:
  ///   - rows: The rows, in the order they shall have.
  ///   - name: What to call the store in messages.
  package func gathering(_ rows: [Int], name: String) throws -> GradientStore {
    let blocks = try layout.blocks.enumerated().map { index, block in
      var elements: [Double] = []
      elements.reserveCapacity(rows.count * block.width)
      for row in rows {
        elements += Matrix(try self.rows(row..<row + 1, of: index, as: Double.self)).elements
      }
      return BlockSource(Matrix(rows: rows.count, columns: block.width, elements: elements))
    }
    return GradientStore(
      name: name, kind: .memory, layout: layout,
      shards: [Shard(rows: 0..<rows.count, blocks: blocks, squaredNorms: nil, files: [])],
      manifests: manifests, members: members)
  }
}
