import LinearAlgebra
import TensorFiles

/// Rows of gradients as 8-bit integers, with a scale for each row and block.
///
/// A row g of a block becomes s = max |g| / 127, rounded up to a `Float`, and q = g / s, rounded to
/// nearest, ties to even: integers from −127 to 127 with |g − s·q| ≤ s/2. A row of zeros has s = 0.
struct ScaledRows: Sendable {
  /// s, `rows × blocks`, row by row.
  private(set) var scales: [Float]
  /// q, `rows × columns`, row by row.
  private(set) var integers: [Int8]

  /// The largest integer, and the negative of the smallest.
  static let largest = 127

  /// s of a row whose largest magnitude is `peak`, a positive number.
  static func scale(ofPeak peak: Double) -> Float {
    let limit = Double(largest)
    let scale = Float(peak / limit)
    // Rounded up, so that no quotient rounds past the limit, and none is divided by zero.
    return limit * Double(scale) < peak ? scale.nextUp : scale
  }

  /// Quantises one matrix per block, all with the same number of rows.
  ///
  /// - Complexity: O(rows · columns).
  init<Element: Scalar>(_ blocks: [Matrix<Element>], of layout: BlockLayout) {
    let rows = blocks.first?.rows ?? 0
    var scales = [Float](repeating: 0, count: rows * layout.count)
    var integers = [Int8](repeating: 0, count: rows * layout.columnCount)
    var target = integers.mutableSpan
    for (index, (block, matrix)) in zip(layout.blocks, blocks).enumerated() {
      for row in 0..<rows {
        let first = row * layout.columnCount + block.columns.lowerBound
        var part = target._mutatingExtracting(first..<first + block.width)
        let source = matrix.elements.span.extracting(row * block.width..<(row + 1) * block.width)
        scales[row * layout.count + index] = quantized(source, into: &part)
      }
    }
    self.scales = scales
    self.integers = integers
  }

  /// The stored integers and scales of some rows of a store, as they are; nil where some are of
  /// another type.
  ///
  /// - Throws: ``GradientStoreError/invalidScale(path:row:block:found:)`` or an error of a file.
  init?(storedIn store: GradientStore, rows: Range<Int>) throws {
    scales = Array(repeating: 0, count: rows.count * store.layout.count)
    integers = Array(repeating: 0, count: rows.count * store.layout.columnCount)
    for shard in store.shards where shard.rows.overlaps(rows) {
      let local = shard.local(rows)
      let start = shard.rows.lowerBound + local.lowerBound - rows.lowerBound
      for (index, (block, source)) in zip(store.layout.blocks, shard.blocks).enumerated() {
        guard case .scaled(let stored) = source else { return nil }
        let factors = try stored.scales(of: local)
        for row in 0..<local.count {
          scales[(start + row) * store.layout.count + index] = factors[row]
          let numbers = stored.integers[rows: local.lowerBound + row..<local.lowerBound + row + 1]
          let first = (start + row) * store.layout.columnCount + block.columns.lowerBound
          try numbers.map.withBytes(in: numbers.byteRange) { bytes in
            for column in bytes.indices {
              integers[first + column] = Int8(bitPattern: bytes[column])
            }
          }
        }
      }
    }
  }
}

/// Quantises one row of one block; gives its scale.
@specialized(where Element == Float)
@specialized(where Element == Double)
private func quantized<Element: Scalar>(
  _ numbers: Span<Element>, into integers: inout MutableSpan<Int8>
) -> Float {
  precondition(numbers.count == integers.count)
  var largest: Element = 0
  for index in numbers.indices { largest = max(largest, numbers[index].magnitude) }
  guard largest > 0 else {
    for index in integers.indices { integers[index] = 0 }
    return 0
  }
  let scale = ScaledRows.scale(ofPeak: Double(largest))
  let divisor = Double(scale)
  for index in numbers.indices {
    // Adding 1.5 · 2⁵² leaves the quotient, rounded to nearest even, in the last bits of the sum.
    let sum = Double(numbers[index]) / divisor + 0x1.8p52
    integers[index] = Int8(truncatingIfNeeded: sum.bitPattern)
  }
  return scale
}
