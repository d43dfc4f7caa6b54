public import Gradients
package import LinearAlgebra
internal import RealModule

/// How an isolation forest is grown.
public struct IsolationForestSettings: Sendable, Hashable {
  /// The number of trees t, from 1 up.
  public var trees: Int
  /// How many examples a tree is grown on, ψ, from 2 up; all of them where there are fewer.
  public var sample: Int
  /// Decides samples and splits.
  public var seed: UInt64

  /// Makes settings; the defaults are those of the paper.
  public init(trees: Int = 100, sample: Int = 256, seed: UInt64 = 0) {
    self.trees = trees
    self.sample = sample
    self.seed = seed
  }
}

/// An isolation forest on gradients: examples that few random splits part from all others are outliers.
///
///     s(x) = 2^(−E[h(x)]/c(ψ)),   c(ψ) = 2·H(ψ − 1) − 2·(ψ − 1)/ψ,   H the harmonic numbers
///
/// h(x) is the depth at which x ends in a tree, plus c of the number of sampled examples that end there with it; c(ψ) is
/// its mean in a random search tree. s is in 0 ..< 1: ½ where nothing sets x apart, towards 1 for outliers. A node
/// splits at a column drawn from those on which its examples differ, at a place uniform between their least and
/// largest value, down to the depth ⌈log₂ψ⌉. Liu, Ting and Zhou, "Isolation Forest" (2008).
public struct IsolationForest: Sendable {
  /// How it was grown.
  public let settings: IsolationForestSettings
  /// ψ: how many examples each tree was grown on.
  public let sampleSize: Int
  package let trees: [IsolationTree]

  /// Grows a forest.
  ///
  /// - Parameters:
  ///   - store: n rows of gradients, two or more.
  ///   - blocks: Which blocks are looked at; all unless given.
  ///   - settings: Trees, sample, seed.
  /// - Throws: ``InfluenceError/invalidSetting(method:setting:reason:)``,
  ///   ``InfluenceError/notFinite(source:block:rows:)``, or an error from reading the store.
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
    guard count >= 2 else { return 0 }
    // Summed from the smallest term; exact to rounding, where ln n + γ is off by 1/(2n).
    let harmonic = (1..<count).reversed().reduce(0.0) { $0 + 1 / Double($1) }
    return 2 * harmonic - 2 * Double(count - 1) / Double(count)
  }

  /// 2^(−h/c(ψ)).
  func score(meanPathLength: Double) -> Double {
    Double.exp2(-meanPathLength / Self.averagePathLength(sampleSize))
  }
}

extension IsolationForestSettings {
  func validate(examples: Int, source: String) throws(InfluenceError) {
    func refuse(_ setting: String, _ reason: String) -> InfluenceError {
      .invalidSetting(method: "isolation-forest", setting: setting, reason: reason)
    }
    guard trees >= 1 else { throw refuse("trees", "\(trees) is not from 1 up; 100 is usual") }
    guard sample >= 2 else { throw refuse("sample", "\(sample) is not from 2 up; 256 is usual") }
    guard examples >= 2 else {
      throw refuse("sample", "\(source) has \(examples) rows, and a tree needs two to tell apart")
    }
  }
}

extension SeededGenerator {
  /// Different numbers from 0 ..< `bound`, each set equally likely (Fisher and Yates, the first steps only).
  package mutating func sample(_ count: Int, of bound: Int) -> [Int] {
    var moved: [Int: Int] = [:]
    return (0..<count).map { place in
      let other = place + index(below: bound - place)
      let value = moved[other] ?? other
      moved[other] = moved[place] ?? place
      return value
    }
  }
}
