public import Gradients
internal import LinearAlgebra
internal import RealModule

/// An isolation forest on gradients: examples that few random splits part from all others are outliers.
///
///     s(x) = 2^(−E[h(x)]/c(ψ)),   c(ψ) = 2·H(ψ − 1) − 2·(ψ − 1)/ψ,   H the harmonic numbers
///
/// h(x) is the depth at which x ends in a tree, plus c of the number of sampled examples that end there with it; c(ψ) is
/// its mean in a random search tree. s is in 0 ..< 1: ½ where nothing sets x apart, towards 1 for outliers. A node
/// splits at a column drawn from those on which its examples differ, at a place uniform between their least and
/// largest value, down to the depth ⌈log₂ψ⌉. Liu, Ting and Zhou, "Isolation Forest" (2008).
public struct IsolationForest: Sendable {
  /// The settings that it was grown with.
  public let settings: IsolationForestSettings
  /// The number ψ of examples that each tree was grown on.
  public let sampleSize: Int
  /// The trees.
  package let trees: [IsolationTree]

  /// Grows a forest.
  ///
  /// - Parameters:
  ///   - store: The gradients of two or more examples.
  ///   - blocks: Which blocks are looked at; all unless given.
  ///   - settings: The number of trees, the sample and the seed.
  /// - Throws: `InfluenceError.invalidSetting`, or an error from reading the store.
  /// - Complexity: about t·ψ·log₂ψ numbers are read; nothing the size of a gradient is kept.
  public init(
    growingOn store: GradientStore, blocks: [Int]? = nil,
    settings: IsolationForestSettings = .init()
  ) throws {
    try settings.validate(examples: store.count, source: store.name)
    let columns = ColumnPicker(store: store, blocks: blocks ?? Array(store.layout.blocks.indices))
    let size = min(settings.sample, store.count)
    self.settings = settings
    sampleSize = size
    // Each tree has random numbers of its own, so that they grow in any order.
    trees = try Parallelism.map(settings.trees) { tree in
      var generator = SeededGenerator(seed: settings.seed, stream: UInt64(tree))
      let rows = generator.sample(size, of: store.count)
      return try IsolationTree(growingOn: rows, columns: columns, using: &generator)
    }
  }

  /// c(n): the mean depth of an unsuccessful search in a random tree of n keys; 0 for n < 2.
  public static func averagePathLength(_ count: Int) -> Double {
    IsolationTree.averagePathLength(count)
  }

  /// 2^(−h/c(ψ)).
  func score(meanPathLength: Double) -> Double {
    Double.exp2(-meanPathLength / Self.averagePathLength(sampleSize))
  }
}
