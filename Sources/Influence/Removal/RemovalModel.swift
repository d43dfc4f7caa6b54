import Algorithms

/// A model from which examples can be removed, and that says what removing one more would do.
///
/// What the search of `RemovalSearch` needs to know; least squares, logistic regression and stored gradients
/// each answer in their own way.
package protocol RemovalModel {
  /// The number of examples n, removed ones included.
  var count: Int { get }
  /// The effect of removing each example by itself from the model as it is now, to first order; n numbers.
  var firstOrderEffects: [Double] { get }
  /// 1 − hᵢ, n numbers: 0 where an example determines a direction of the parameters alone.
  var slacks: [Double] { get }
  /// The effect of removing each example by itself, leverage included; n numbers, of which those with a slack
  /// under `RemovalSearch.leastSlack` mean nothing.
  var effects: [Double] { get }
  /// Removes examples, whose order does not matter.
  mutating func remove(_ rows: [Int]) throws
  /// What removing examples together does to the model as it was first.
  func effect(ofRemoving rows: [Int]) throws -> Double
}

/// The search for the set of k examples with the largest effect.
package enum RemovalSearch {
  /// Examples whose 1 − h is smaller cannot be removed by a formula that divides by it.
  package static let leastSlack = 1e-9
  /// The most sets that an exhaustive search tries.
  package static let mostSets = 200_000

  /// Searches a model.
  ///
  /// - Parameters:
  ///   - model: The model of all examples.
  ///   - size: k, from 1 to n − 1.
  ///   - step: How many examples `adaptive` takes a round.
  ///   - progress: Called with the share that is done.
  /// - Throws: ``InfluenceError/invalidGroup(reason:)``, or what the model throws.
  package static func run<Model: RemovalModel>(
    _ model: Model, size: Int, algorithm: RemovalAlgorithm, step: Int = 1,
    direction: RemovalDirection, progress: ((Double) -> Void)? = nil
  ) throws -> InfluentialSubset {
    guard size >= 1, size < model.count else {
      throw InfluenceError.invalidGroup(
        reason:
          "a size of \(size) is not from 1 to \(model.count - 1), one less than there are examples"
      )
    }
    guard step >= 1 else {
      throw InfluenceError.invalidGroup(reason: "a step of \(step) examples is not from 1 up")
    }
    switch algorithm {
    case .greedy, .leverageAdjusted, .adaptive:
      return try pick(
        from: model, size: size, algorithm: algorithm, step: algorithm == .adaptive ? step : size,
        direction: direction, progress: progress)
    case .exhaustive:
      return try best(of: model, size: size, direction: direction, progress: progress)
    }
  }

  private static func pick<Model: RemovalModel>(
    from start: Model, size: Int, algorithm: RemovalAlgorithm, step: Int,
    direction: RemovalDirection, progress: ((Double) -> Void)?
  ) throws -> InfluentialSubset {
    var model = start
    var result = InfluentialSubset(rows: [], gains: [], effect: nil, rounds: 0, fixedRows: [])
    let firstOrder = start.firstOrderEffects
    var isRemoved = [Bool](repeating: false, count: model.count)
    while result.rows.count < size {
      let slacks = model.slacks
      let effects = algorithm == .greedy ? model.firstOrderEffects : model.effects
      // Also without leverages: the set's effect has none where a member's is 1.
      let candidates = slacks.indices.filter { !isRemoved[$0] && slacks[$0] >= leastSlack }
      result.fixedRows = slacks.indices.filter { !isRemoved[$0] && slacks[$0] < leastSlack }
      let wanted = min(step, size - result.rows.count)
      guard candidates.count >= wanted else {
        throw InfluenceError.invalidGroup(
          reason:
            "only \(result.rows.count + candidates.count) of \(size) examples can be removed, because the others each determine a direction of the parameters alone (a leverage of 1); ask for fewer, or give a penalty or damping"
        )
      }
      let chosen = leading(wanted, of: candidates, effects: effects, direction: direction)
      result.rows += chosen
      result.gains += chosen.map { effects[$0] }
      result.rounds += 1
      for row in chosen { isRemoved[row] = true }
      if result.rows.count < size { try model.remove(chosen) }
      progress?(Double(result.rows.count) / Double(size))
    }
    result.firstOrder = result.rows.reduce(0) { $0 + firstOrder[$1] }
    do {
      result.effect = try start.effect(ofRemoving: result.rows)
    } catch InfluenceError.groupTooInfluential where algorithm == .greedy {
      // First order is all that was asked of the method.
      result.effect = nil
    }
    return result
  }

  /// The candidates of the largest effects, the largest first; of equal ones the lower row.
  package static func leading(
    _ count: Int, of candidates: [Int], effects: [Double], direction: RemovalDirection
  ) -> [Int] {
    let sign = direction.sign
    let sorted = candidates.sorted { first, second in
      let (one, other) = (sign * effects[first], sign * effects[second])
      return one > other || (one == other && first < second)
    }
    return Array(sorted.prefix(count))
  }

  private static func best<Model: RemovalModel>(
    of model: Model, size: Int, direction: RemovalDirection, progress: ((Double) -> Void)?
  ) throws -> InfluentialSubset {
    let total = sets(of: size, among: model.count)
    guard total <= Double(mostSets) else {
      throw InfluenceError.invalidGroup(
        reason:
          "there are about \(Int(min(total, 1e18))) sets of \(size) among \(model.count) examples, more than the \(mostSets) that an exhaustive search tries; ask for a smaller set, or another algorithm"
      )
    }
    let slacks = model.slacks
    let candidates = slacks.indices.filter { slacks[$0] >= leastSlack }
    guard candidates.count >= size else {
      throw InfluenceError.invalidGroup(
        reason:
          "only \(candidates.count) of \(size) examples can be removed, because the others each determine a direction of the parameters alone"
      )
    }
    var result = InfluentialSubset(
      rows: [], gains: [], effect: nil, rounds: 0,
      fixedRows: slacks.indices.filter { slacks[$0] < leastSlack })
    var largest = -Double.infinity
    for rows in candidates.combinations(ofCount: size) {
      let effect = try model.effect(ofRemoving: rows)
      result.rounds += 1
      // Sets come in lexical order, so that of equal ones the first stays.
      if direction.sign * effect > largest {
        largest = direction.sign * effect
        (result.rows, result.effect) = (rows, effect)
      }
      progress?(Double(result.rounds) / total)
    }
    let firstOrder = model.firstOrderEffects
    result.firstOrder = result.rows.reduce(0) { $0 + firstOrder[$1] }
    let alone = model.effects
    result.gains = result.rows.map { alone[$0] }
    return result
  }

  /// The number of sets of k among n, which may be past what an integer holds.
  private static func sets(of size: Int, among count: Int) -> Double {
    (0..<min(size, count - size)).reduce(1.0) { $0 * Double(count - $1) / Double($1 + 1) }.rounded()
  }
}
