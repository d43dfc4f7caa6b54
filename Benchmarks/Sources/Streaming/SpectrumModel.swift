import Foundation
import InfluenceKit

/// Seeded rows of low rank plus noise, with a given share of the variance in each direction.
///
/// A row is Σₖ √sₖ·zₖ·uₖ + noise, with zₖ normal and uₖ directions that all rows of a block share. Entries of
/// uₖ are uniform with variance 1/d, so that directions are nearly orthonormal and F has eigenvalues near
/// sₖ; the noise is uniform, and shares what is left of the trace, 1, over all columns.
struct SpectrumModel {
  /// The shares sₖ of tr(F) in the leading directions.
  let shares: [Double]

  /// 16 directions of equal share, which take 90 % of the trace.
  static let plain = SpectrumModel(shares: [Double](repeating: 0.9 / 16, count: 16))

  /// The spectrum of real gradients: 66 % in the first direction, 32 % in the next 99 as k^-1.1, 2 % noise.
  ///
  /// From the eigenvalues of F of the 13 blocks of 300 SST-2 gradients of MiniLM-L6 with LoRA of rank 4.
  /// Median over blocks: 66 % of tr(F) in the first direction (quartiles 52 and 84 %), a slope of -1.1 of log
  /// eigenvalue over log k for k in 2...100, and 2 % of the trace after the hundredth. Beyond that
  /// the fixture's eigenvalues fall faster (as k^-2.9, up to n = 300), where the model's noise is flat.
  static let fixture: SpectrumModel = {
    let powers = (2...100).map { pow(Double($0), -1.1) }
    let sum = powers.reduce(0, +)
    return SpectrumModel(shares: [0.66] + powers.map { 0.32 * $0 / sum })
  }()

  /// The directions of one block, scaled: row k is √sₖ·uₖ.
  func directions(columns: Int, block: Int, seed: UInt64) -> Matrix<Float> {
    var generator = SeededGenerator(seed: seed, stream: UInt64(block))
    var directions = Self.noise(
      shares.count, columns, deviation: (1 / Double(columns)).squareRoot(), using: &generator)
    directions.scaleRows(by: shares.map { Float($0.squareRoot()) })
    return directions
  }

  /// Some rows of one block.
  ///
  /// - Parameter stream: One number for each chunk of each side: rows depend on nothing else.
  func rows(
    _ count: Int, directions: Matrix<Float>, block: Int, stream: UInt64, seed: UInt64
  ) -> Matrix<Float> {
    var generator = SeededGenerator(seed: seed &+ 1 &+ UInt64(block), stream: stream)
    let strengths = Matrix<Float>.normal(count, shares.count, using: &generator)
    let rest = max(0, 1 - shares.reduce(0, +))
    var rows = Self.noise(
      count, directions.columns,
      deviation: (rest / Double(directions.columns)).squareRoot(), using: &generator)
    rows.add(product: strengths.view, directions.view)
    return rows
  }

  /// Uniform numbers of mean 0 on a grid of 2^16 values, four from each number of the generator.
  private static func noise(
    _ rows: Int, _ columns: Int, deviation: Double, using generator: inout SeededGenerator
  ) -> Matrix<Float> {
    let step = Float(deviation * 12.0.squareRoot() / 65_536)
    var elements: [Float] = []
    elements.reserveCapacity(rows * columns + 3)
    while elements.count < rows * columns {
      let bits = generator.next()
      for lane in 0..<4 {
        let integer = Int32(truncatingIfNeeded: bits >> (16 * UInt64(lane)) & 0xFFFF)
        elements.append(step * (Float(integer) - 32_767.5))
      }
    }
    elements.removeLast(elements.count - rows * columns)
    return Matrix(rows: rows, columns: columns, elements: elements)
  }
}
