internal import RealModule

/// A random `k × d` matrix with E‖Px‖² = ‖x‖², of which any entry can be made alone.
///
/// Entries are independent, with mean 0 and variance 1/k; the matrix is decided by seed, stream and d
/// alone but for its scale. Johnson and Lindenstrauss, 1984; Achlioptas, "Database-friendly random
/// projections", 2003, for signs.
public struct RandomMatrix: Sendable {
  /// How entries are distributed.
  public enum Distribution: String, Sendable, CaseIterable {
    /// N(0, 1/k).
    case gaussian
    /// ±1/√k with equal chance.
    case rademacher
  }

  /// How entries are distributed.
  public let distribution: Distribution
  /// The number of rows k.
  public let rows: Int
  /// The number of columns d.
  public let columns: Int
  private let generator: CounterGenerator

  /// Describes a matrix; nothing is made yet.
  ///
  /// - Parameters:
  ///   - distribution: How entries are distributed.
  ///   - rows: k, from 1 up.
  ///   - columns: d, from 1 up.
  ///   - seed: Any number.
  ///   - stream: Tells apart independent matrices of one seed.
  public init(
    _ distribution: Distribution, rows: Int, columns: Int, seed: UInt64, stream: UInt64 = 0
  ) {
    precondition(rows > 0 && columns > 0, "a random matrix of \(rows) × \(columns)")
    self.distribution = distribution
    self.rows = rows
    self.columns = columns
    generator = CounterGenerator(seed: seed, stream: stream)
  }

  /// One entry.
  public subscript(row: Int, column: Int) -> Double {
    entries(ofRow: row, columns: column..<column + 1)[0]
  }

  /// Some entries of a row.
  ///
  /// - Complexity: O(columns).
  public func entries(ofRow row: Int, columns range: Range<Int>) -> [Double] {
    precondition(
      row >= 0 && row < rows && range.lowerBound >= 0 && range.upperBound <= columns,
      "row \(row), columns \(range) of \(rows) × \(columns)")
    guard !range.isEmpty else { return [] }
    let width = distribution == .gaussian ? 2 : 128
    let blocksARow = (columns + width - 1) / width
    let scale = 1 / Double(rows).squareRoot()
    var entries: [Double] = []
    entries.reserveCapacity(range.count)
    for block in range.lowerBound / width...(range.upperBound - 1) / width {
      let words = generator.words(at: UInt64(row) &* UInt64(blocksARow) &+ UInt64(block))
      let wanted =
        max(0, range.lowerBound - block * width)..<min(width, range.upperBound - block * width)
      let low = UInt64(words.1) << 32 | UInt64(words.0)
      let high = UInt64(words.3) << 32 | UInt64(words.2)
      switch distribution {
      case .gaussian:
        let pair = Self.normals(low, high)
        for index in wanted { entries.append(scale * (index == 0 ? pair.0 : pair.1)) }
      case .rademacher:
        for index in wanted {
          let bit = (index < 64 ? low >> UInt64(index) : high >> UInt64(index - 64)) & 1
          entries.append(bit == 0 ? scale : -scale)
        }
      }
    }
    return entries
  }

  /// Some columns, `k × columns`.
  ///
  /// - Complexity: O(k · columns), several rows at a time.
  @specialized(where Element == Float)
  @specialized(where Element == Double)
  public func panel<Element: Scalar>(columns range: Range<Int>, as: Element.Type) -> Matrix<Element>
  {
    var parts = [[Element]](repeating: [], count: rows)
    Parallelism.update(&parts) { row, part in
      part = entries(ofRow: row, columns: range).map { Element($0) }
    }
    return Matrix(rows: rows, columns: range.count, elements: parts.flatMap { $0 })
  }

  /// Two independent standard normal numbers of 128 bits (Box and Muller, 1958).
  private static func normals(_ low: UInt64, _ high: UInt64) -> (Double, Double) {
    // In (0, 1], so that the logarithm is finite.
    let radius = (-2 * Double.log(Double((low >> 11) + 1) * 0x1p-53)).squareRoot()
    let angle = 2 * Double.pi * (Double(high >> 11) * 0x1p-53)
    return (radius * Double.cos(angle), radius * Double.sin(angle))
  }
}
