import Foundation
import LinearAlgebra
import TensorFiles

/// What a commit derives from the gradients as they were stored: norms and checksums.
extension GradientStoreWriter {
  /// The checksums of what is committed, carried on over what was appended since.
  ///
  /// Those of a store of an older version, which has none, are taken of all that it committed.
  func checksumsOfAppended() throws -> StoreChecksums {
    let rowBytes = manifest.rowBytes
    let known = manifest.checksums
    var checksums =
      known
      ?? StoreChecksums(
        rowsPerRange: StoreChecksums.rowsPerRange(rowBytes: rowBytes), of: elementType)
    func fresh(_ name: String, _ size: Int) -> Range<Int>? {
      let first = known == nil ? 0 : manifest.fileSizes[name] ?? 0
      return first < size ? first..<size : nil
    }
    if let bytes = fresh(StoreFile.gradients, gradients.count) {
      try checksums.append(
        rows: bytes.lowerBound / rowBytes..<count, rowBytes: rowBytes, of: map(StoreFile.gradients))
    }
    if let bytes = fresh(StoreFile.norms, norms.count) {
      try checksums.norms.update(map(StoreFile.norms), range: bytes)
    }
    if let bytes = fresh(StoreFile.examples, examples.count) {
      try checksums.examples.update(map(StoreFile.examples), range: bytes)
    }
    if let size = scales?.count, let bytes = fresh(StoreFile.scales, size) {
      try checksums.scales?.update(map(StoreFile.scales), range: bytes)
    }
    return checksums
  }

  /// Appends the norms of the rows since the last commit, as they were stored.
  func appendNorms() throws {
    let fresh = manifest.rows..<count
    guard !fresh.isEmpty else { return }
    let sources = try StoreDirectory.blockSources(
      of: layout, factors: factors, rows: count, elementType: elementType,
      gradients: map(StoreFile.gradients),
      scales: elementType == .int8 ? map(StoreFile.scales) : nil)
    var squared = Matrix<Double>.zeros(fresh.count, layout.count)
    for (index, block) in layout.blocks.enumerated() {
      let squares = try sources[index].squaredRowNorms(rows: fresh, width: block.width)
      for (row, square) in squares.enumerated() {
        guard square.isFinite else {
          throw GradientStoreError.notFinite(
            path: directory.path, row: fresh.lowerBound + row, block: block.name,
            reason:
              "a gradient is too large for \(elementType); resume the store and leave the example out, or write a new store of \(elementType.wider)"
          )
        }
        squared[row, index] = square
      }
    }
    try norms.write(squared, as: .float64)
  }

  private func map(_ name: String) throws -> MemoryMap {
    try MemoryMap(opening: directory.appending(path: name))
  }
}
