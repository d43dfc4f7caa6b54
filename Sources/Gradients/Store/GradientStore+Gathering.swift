package import LinearAlgebra
import TensorFiles

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

extension GradientStore {
  /// The scales of int8 of some rows of a block as it is stored; nil where the rows are of another type.
  ///
  /// A stored number is then within half a scale of what was written.
  ///
  /// - Throws: ``GradientStoreError/invalidScale(path:row:block:found:)``.
  package func storedScales(_ rows: Range<Int>, of block: Int) throws -> [Float]? {
    var scales: [Float] = []
    for shard in shards where shard.rows.overlaps(rows) {
      guard case .scaled(let stored) = shard.blocks[block] else { return nil }
      scales += try stored.scales(of: shard.local(rows))
    }
    return scales
  }

  /// The blocks as they are stored, also of a store whose blocks are grouped.
  package var storedLayout: BlockLayout { members?.stored ?? layout }

  /// Some rows with all columns in the order in which they are stored, `rows × D`, in double precision.
  ///
  /// - Throws: An error from reading.
  package func storedRows(_ rows: Range<Int>) throws -> Matrix<Double> {
    var joined = Matrix<Double>.zeros(rows.count, layout.columnCount)
    for index in layout.blocks.indices {
      let numbers = try self.rows(rows, of: index, as: Double.self)
      var first = 0
      for columns in sourceColumns(ofBlock: index) {
        joined.place(
          numbers[columns: first..<first + columns.count], firstRow: 0,
          firstColumn: columns.lowerBound)
        first += columns.count
      }
    }
    return joined
  }
}
