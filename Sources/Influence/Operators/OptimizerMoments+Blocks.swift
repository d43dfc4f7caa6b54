package import Gradients
import RealModule
import TensorFiles

/// What methods take of an optimizer's moments, by the blocks that they are fitted to.
extension OptimizerMoments {
  /// The moments beside training gradients.
  ///
  /// - Parameters:
  ///   - method: The method that needs them.
  ///   - training: The gradients.
  ///   - otherwise: What else can be done, as a phrase.
  /// - Throws: ``InfluenceError/missingInput(method:source:reason:)`` where there are none.
  static func required(
    by method: String, beside training: GradientStore, otherwise: String = "choose another method"
  ) throws -> OptimizerMoments {
    guard let moments = try training.optimizerMoments() else {
      throw InfluenceError.missingInput(
        method: method, source: training.name,
        reason:
          "there is no \(fileName) beside the gradients; fine-tune the adapter again and take its gradients, or give the optimizer to the exporter, or \(otherwise)"
      )
    }
    return moments
  }

  /// Refuses training gradients without moments of all their blocks, and those that were projected.
  static func check(
    _ training: GradientStore, for method: String, otherwise: String
  ) throws {
    if training.projection != nil {
      throw InfluenceError.missingInput(
        method: method, source: training.name,
        reason:
          "the gradients were projected, and the optimizer's moments are of the parameters; \(otherwise), or score the gradients before they were projected"
      )
    }
    let moments = try required(by: method, beside: training, otherwise: otherwise)
    for index in training.layout.blocks.indices {
      _ = try moments.joined(ofBlock: index, in: training)
    }
  }

  /// The moments of a block as it is scored, which may be a group of stored ones.
  func joined(ofBlock index: Int, in store: GradientStore) throws -> Moments {
    var joined = Moments(first: [], second: [])
    for (name, columns) in zip(store.members(ofBlock: index), store.sourceColumns(ofBlock: index)) {
      let part = try moments(ofBlock: name, width: columns.count)
      joined.first += part.first
      joined.second += part.second
    }
    return joined
  }

  /// √v̂ + ε of each parameter of a block, v̂ = v/(1 − β₂ᵗ) after t steps: what Adam divides by.
  package func roots(ofBlock index: Int, in store: GradientStore) throws -> [Double] {
    let correction = 1 - Double.pow(rule.secondDecay, Double(rule.stepCount))
    return try joined(ofBlock: index, in: store).second.map {
      ($0 / correction).squareRoot() + rule.epsilon
    }
  }

  /// The mean of √v̂ + ε over all parameters of a store's blocks.
  package func meanRoot(in store: GradientStore) throws -> Double {
    var (sum, count) = (0.0, 0)
    for index in store.layout.blocks.indices {
      let roots = try roots(ofBlock: index, in: store)
      sum += roots.reduce(0, +)
      count += roots.count
    }
    return sum / Double(max(1, count))
  }

  /// What a record says of the moments: the file's path and checksum, none of moments in memory.
  var record: OrderedJSON {
    ["optimizer": ["path": .string(source), "crc32c": .text(checksum)]]
  }
}
