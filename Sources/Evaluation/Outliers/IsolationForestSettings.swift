internal import Influence
internal import TensorFiles

/// How an isolation forest is grown.
public struct IsolationForestSettings: Sendable, Hashable {
  /// The number of trees t, from 1 up.
  public var trees: Int
  /// How many examples ψ a tree is grown on, from 2 up; all examples where there are fewer.
  public var sample: Int
  /// The seed of samples and splits.
  public var seed: UInt64

  /// Makes settings; the defaults are those of the paper.
  public init(trees: Int = 100, sample: Int = 256, seed: UInt64 = 0) {
    self.trees = trees
    self.sample = sample
    self.seed = seed
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
    // A tree over ψ examples has at most 2ψ − 1 nodes.
    let nodes = 2 * min(sample, examples)
    guard MachineMemory.holds(trees, nodes, MemoryLayout<IsolationTree.Node>.stride) else {
      throw refuse(
        "trees",
        "\(trees) trees on \(min(sample, examples)) examples each do not fit into memory; 100 are usual"
      )
    }
  }
}
