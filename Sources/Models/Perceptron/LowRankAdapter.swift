public import LinearAlgebra

/// A low-rank correction of a linear layer's weight: W + (α/r)·B·A.
///
/// Hu et al., "LoRA: Low-Rank Adaptation of Large Language Models" (2022).
public struct LowRankAdapter<Element: Scalar>: Sendable, Equatable {
  /// A, `rank × inputs`.
  public internal(set) var down: Matrix<Element>
  /// B, `outputs × rank`.
  public internal(set) var up: Matrix<Element>
  /// The numerator α of the factor α/r.
  public let alpha: Double

  /// Makes an adapter of its matrices.
  ///
  /// - Parameters:
  ///   - down: A, `rank × inputs`.
  ///   - up: B, `outputs × rank`.
  ///   - alpha: The numerator α of the factor α/r.
  public init(down: Matrix<Element>, up: Matrix<Element>, alpha: Double) {
    precondition(
      down.rows == up.columns,
      "A of \(down.rows) × \(down.columns) and B of \(up.rows) × \(up.columns) differ in rank")
    self.down = down
    self.up = up
    self.alpha = alpha
  }

  /// Makes a new adapter, which changes nothing yet: B is zero, and A normal with deviation 1/r.
  ///
  /// The deviation is that of PEFT's `init_lora_weights="gaussian"`.
  init(
    inputs: Int, outputs: Int, rank: Int, alpha: Double, using generator: inout SeededGenerator
  ) {
    self.init(
      down: .normal(rank, inputs, deviation: 1 / Double(rank), using: &generator),
      up: .zeros(outputs, rank), alpha: alpha)
  }

  /// The rank r.
  public var rank: Int { down.rows }

  /// The factor α/r of B·A.
  public var scale: Element { Element(alpha / Double(rank)) }
}
