import TensorFiles

/// Columns of one shard that lie side by side in its file, of all its rows.
struct FileStrip {
  /// The first of the blocks that it goes through.
  let matrix: MappedMatrix
  /// Bytes from the first column of a row to the last.
  let pieceBytes: Int

  /// Bytes from a row's first column to the next row's.
  var stride: Int { matrix.rowStride * matrix.elementType.byteCount }
  /// Whether its rows lie side by side too.
  var isWhole: Bool { pieceBytes >= stride }

  /// The strips of some blocks, in the order of the file.
  static func strips(of blocks: [Int], in shard: GradientStore.Shard) -> [FileStrip] {
    let all = blocks.flatMap { shard.blocks[$0].storedMatrices }.sorted {
      $0.byteOffset < $1.byteOffset
    }
    var strips: [FileStrip] = []
    for matrix in all {
      let bytes = matrix.columns * matrix.elementType.byteCount
      if let last = strips.last, last.matrix.map === matrix.map,
        last.matrix.elementType == matrix.elementType, last.matrix.rowStride == matrix.rowStride,
        last.matrix.byteOffset + last.pieceBytes == matrix.byteOffset,
        last.pieceBytes + bytes <= last.stride
      {
        strips[strips.count - 1] = FileStrip(
          matrix: last.matrix, pieceBytes: last.pieceBytes + bytes)
      } else {
        strips.append(FileStrip(matrix: matrix, pieceBytes: bytes))
      }
    }
    return strips
  }

  /// Calls `body` with the bytes of some rows, all at once where they lie side by side.
  func forEachPiece(of rows: Range<Int>, _ body: (MemoryMap, Range<Int>) -> Void) {
    if isWhole {
      let start = matrix.byteOffset + rows.lowerBound * stride
      body(matrix.map, start..<start + rows.count * stride)
    } else {
      for row in rows {
        let start = matrix.byteOffset + row * stride
        body(matrix.map, start..<start + pieceBytes)
      }
    }
  }
}
