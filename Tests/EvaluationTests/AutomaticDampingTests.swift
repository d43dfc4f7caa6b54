import Gradients
import Influence
import LinearAlgebra
import TestSupport
import Testing

import Evaluation

/// The damping that `auto` stands for.
@Suite("Automatic damping")
struct AutomaticDampingTests {
  private static let widths = [30, 7]
  /// 0.99⁵.
  private static let correctionShare = [Double](repeating: 0.99, count: 5).reduce(1, *)

  private func store(_ name: String, rows: Int, seed: UInt64) -> GradientStore {
    var generator = SeededGenerator(seed: seed)
    return GradientStore(
      name: name,
      blocks: Self.widths.enumerated().map {
        ("w\($0)", [$1], Matrix<Double>.normal(rows, $1, using: &generator))
      })
  }

  /// v of every parameter, and moments with it.
  private func moments(
    _ second: [[Double]], learningRateSum: Double?, epsilon: Double = 1e-3
  ) -> OptimizerMoments {
    OptimizerMoments(
      rule: .init(
        stepCount: 5, firstDecay: 0.9, secondDecay: 0.99, epsilon: epsilon,
        learningRateSum: learningRateSum),
      moments: second.enumerated().map {
        ("w\($0)", .init(first: $1.map { _ in 0 }, second: $1))
      })
  }

  private func choice(
    _ moments: OptimizerMoments?, for estimator: any Estimator = ExactFisher(),
    by partition: BlockPartition = .tensor
  ) throws -> AutomaticDamping {
    try AutomaticDamping(
      for: estimator,
      on: store("train", rows: 15, seed: 91).with(optimizer: moments).partitioned(by: partition),
      queries: store("query", rows: 4, seed: 92).partitioned(by: partition),
      options: CurvatureOptions(precision: .double))
  }

  @Test("After a training it is the mean root of the second moments over the sum of learning rates")
  func training() throws {
    var generator = SeededGenerator(seed: 4)
    let second = Self.widths.map { width in
      (0..<width).map { _ in
        let value: Double = generator.normal()
        return value * value
      }
    }
    var sum = 0.0
    for value in second.flatMap(\.self) {
      sum += (value / (1 - Self.correctionShare)).squareRoot() + 1e-3
    }
    let expected = sum / 37 / 0.4
    for partition in [BlockPartition.tensor, .all] {
      let found = try choice(moments(second, learningRateSum: 0.4), by: partition)
      guard case .absolute(let value) = found.damping else {
        Issue.record("the damping is not absolute")
        return
      }
      #expect(abs(value - expected) <= 1e-13 * expected)
      #expect(found.reason.contains("5 steps") && found.reason.contains("0.4"))
    }
  }

  /// Where √v̂ + ε is 1 everywhere, Adam without momentum is gradient descent.
  @Test("Where Adam's steps are gradient descent's, it is 1 over the sum of learning rates")
  func gradientDescent() throws {
    let correction = 1 - Self.correctionShare
    let second = Self.widths.map { [Double](repeating: 0.25 * correction, count: $0) }
    let found = try choice(moments(second, learningRateSum: 0.02, epsilon: 0.5))
    guard case .absolute(let value) = found.damping else {
      Issue.record("the damping is not absolute")
      return
    }
    #expect(abs(value - 50) < 1e-10)
  }

  @Test("A method without λ has the default, and nothing is swept for it")
  func undamped() throws {
    let found = try choice(nil, for: HessianFree())
    #expect(found.damping == .standard)
    #expect(found.reason == "hessian-free does not divide by λ")
  }

  @Test("Otherwise it is the plateau of the sweep, or the default where there is none")
  func sweep() throws {
    let zeros = Self.widths.map { [Double](repeating: 0, count: $0) }
    let (training, queries) = (
      store("train", rows: 15, seed: 91), store("query", rows: 4, seed: 92)
    )
    for (estimator, swept) in [
      (ExactFisher(), ExactFisher()), (DataInf(), DataInf()), (LiSSA(), ExactFisher()),
    ] as [(any Estimator, any Estimator)] {
      let sweep = try DampingSweep(
        of: swept, over: DampingGrid(parsing: AutomaticDamping.grid), on: training,
        queries: queries, options: CurvatureOptions(precision: .double))
      let stability = try DampingStability(of: sweep)
      for moments in [nil, moments(zeros, learningRateSum: nil)] {
        let found = try choice(moments, for: estimator)
        if let best = stability.recommendation, best.isPlateau {
          #expect(found.damping == sweep.points[best.index].damping)
          #expect(found.reason.contains("this is stability, not truth"))
        } else {
          #expect(found.damping == .standard && found.reason.contains("no plateau"))
        }
      }
    }
  }
}
