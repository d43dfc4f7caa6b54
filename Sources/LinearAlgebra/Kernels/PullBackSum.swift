internal import CKernels

/// Sums of many rows, each with a coefficient for every one of a few vectors: P = A·G, as it grows
/// by rows of G.
///
/// Sums lie in blocks of columns, so that a block of all vectors stays in cache while rows are added.
package struct PullBackSum: Sendable {
  /// The number of vectors m.
  package let count: Int
  /// The number of columns d.
  package let columns: Int
  /// How many rows have been added one after the other since the sums were last added up.
  private var depth = 0
  /// Block by block, and vector by vector in each.
  private var elements: [Float]
  private var totals: Matrix<Float>
  private let scale: Float

  /// The most rows that are summed in a row: then the sum joins the total, and another begins, so that few
  /// roundings are made of one number.
  package static let mostRows = 1024

  /// More vectors than these are summed faster by BLAS.
  package static let mostVectors = VectorInstructions.chosen == .avx512 ? 80 : 40

  /// Starts at a given matrix.
  ///
  /// - Parameters:
  ///   - total: `m × d`.
  ///   - scale: A factor for every sum.
  package init(startingAt total: Matrix<Float>, scale: Float = 1) {
    count = total.rows
    columns = total.columns
    self.scale = scale
    totals = total
    elements = [Float](
      repeating: 0, count: Self.blocks(of: columns) * Int(INFLUENCE_SUM_COLUMNS) * total.rows)
  }

  private static func blocks(of columns: Int) -> Int {
    (columns + Int(INFLUENCE_SUM_COLUMNS) - 1) / Int(INFLUENCE_SUM_COLUMNS)
  }

  /// Adds rows.
  ///
  /// The order of additions depends on the rows and on how they are divided into calls, not on threads.
  ///
  /// - Parameters:
  ///   - rows: `k × d`, at most ``mostRows`` of them.
  ///   - coefficients: Has m rows; k columns of it are used.
  ///   - firstColumn: The first of those.
  ///   - factors: A factor for each of the k rows.
  ///   - areInCache: Whether the rows have just been read.
  ///   - instructions: Which instructions to run.
  /// - Complexity: 2mkd operations.
  package mutating func add(
    _ rows: StoredRows, coefficients: Matrix<Float>, firstColumn: Int, factors: ArraySlice<Float>,
    areInCache: Bool, instructions: VectorInstructions = .chosen
  ) {
    precondition(
      rows.columns == columns && coefficients.rows >= count && factors.count == rows.rows
        && rows.rows <= Self.mostRows && firstColumn + rows.rows <= coefficients.columns,
      "\(rows.rows) rows of \(rows.columns) numbers and \(factors.count) factors for \(count) sums")
    guard count > 0, rows.rows > 0, columns > 0 else { return }
    if depth + rows.rows > Self.mostRows { addUp() }
    depth += rows.rows
    let group = Int(INFLUENCE_GROUP)
    var packed = [Float](repeating: 0, count: count * rows.rows)
    let scaled = factors.enumerated().map { $1 * rows.factor(ofRow: $0) }
    for first in stride(from: 0, to: count, by: group) {
      let size = min(group, count - first)
      for vector in first..<first + size {
        let source = vector * coefficients.columns + firstColumn
        for row in 0..<rows.rows {
          packed[first * rows.rows + row * size + vector - first] =
            coefficients.elements[source + row] * scaled[row]
        }
      }
    }
    let vectors = count
    let blocks = Self.blocks(of: columns)
    unsafe elements.withUnsafeMutableBufferPointer { sums in
      unsafe packed.withUnsafeBufferPointer { packed in
        guard let sums = sums.baseAddress, let packed = packed.baseAddress else { return }
        unsafe rows.withDescription { description in
          let work = unsafe PulledRows(
            rows: description, coefficients: packed, vectors: vectors, sums: sums,
            areInCache: areInCache, instructions: instructions.code)
          let step = max(1, (1 << 20) / (vectors * rows.rows * Int(INFLUENCE_SUM_COLUMNS)))
          Parallelism.forEach((blocks + step - 1) / step) { piece in
            unsafe work.run(piece * step..<min(blocks, (piece + 1) * step))
          }
        }
      }
    }
  }

  /// The matrix that was given at the start and all that was added.
  package consuming func total() -> Matrix<Float> {
    addUp()
    return totals
  }

  private mutating func addUp() {
    guard depth > 0 else { return }
    depth = 0
    let width = Int(INFLUENCE_SUM_COLUMNS)
    unsafe totals.elements.withUnsafeMutableBufferPointer { totals in
      unsafe elements.withUnsafeMutableBufferPointer { sums in
        for row in 0..<count {
          for block in 0..<Self.blocks(of: columns) {
            let source = (block * count + row) * width
            let target = row * columns + block * width
            for column in 0..<min(width, columns - block * width) {
              unsafe totals[target + column] += scale * sums[source + column]
              unsafe sums[source + column] = 0
            }
          }
        }
      }
    }
  }
}

/// Rows to add; threads take different blocks of columns.
@unsafe
private struct PulledRows: @unchecked Sendable {
  let rows: influence_rows
  let coefficients: UnsafePointer<Float>
  let vectors: Int
  let sums: UnsafeMutablePointer<Float>
  let areInCache: Bool
  let instructions: influence_instructions

  func run(_ blocks: Range<Int>) {
    var rows = unsafe rows
    unsafe influence_pull_back(
      instructions, &rows, coefficients, vectors, sums, blocks.lowerBound,
      blocks.count, areInCache)
  }
}
