internal import Gradients
public import LinearAlgebra

/// Why influence could not be computed.
public enum InfluenceError: Error, Sendable {
  /// A damping that is not positive and finite.
  case invalidDamping(String)
  /// A set of training rows that cannot be removed.
  case invalidGroup(reason: String)
  /// Without the set, some direction of a block would have no curvature left.
  case groupTooInfluential(method: String, block: String, leverage: Double)
  /// An ensemble without members.
  case emptyEnsemble
  /// A member of an ensemble does not hold what the first does.
  case ensembleMismatch(store: String, reference: String, reason: String)
  /// A member's weight is NaN or infinite.
  case invalidWeight(store: String, weight: Double)
  /// The method cannot be taken over the segments of a training.
  case notOfSegments(method: String, reason: String)
  /// The method divides by a damping that was asked to be zero.
  case needsDamping(method: String)
  /// Without damping the curvature of a block has no inverse.
  case singular(block: String, method: String, reason: String)
  /// The scores of these training examples cannot be divided by what the method divides them by.
  case notNormalizable(method: String, rows: [Int], reason: String)
  /// The store does not hold what the method takes.
  case missingInput(method: String, source: String, reason: String)
  /// The method reads representations, and was asked for where there are gradients.
  case needsRepresentations(method: String)
  /// A file of representations has another number of rows than the store that it lies beside.
  case unmatchedRepresentations(source: String, rows: Int, storeRows: Int)
  /// The method's score of an example on itself says nothing.
  case noSelfInfluence(method: String, reason: String)
  /// The method's scores are divided after blocks are summed, which they are not.
  case notCombinable(method: String, combination: String)
  /// The method's scores are not linear in the training example's gradient.
  case noDirections(method: String)
  /// Gradients hold NaN or infinite values, in these rows of a block.
  case notFinite(source: String, block: String, rows: [Int])
  /// The train and query gradients do not have the same blocks.
  case layoutMismatch(train: String, query: String, differences: [String])
  /// Every block's training gradients are zero.
  case nothingToFit(source: String)
  /// A store without rows.
  case empty(source: String)
  /// No estimator has this name.
  case unknownMethod(String, known: [String])
  /// A method does not have this setting, or not with this value.
  case invalidSetting(method: String, setting: String, reason: String)
  /// The score at this row and column of a matrix is NaN or infinite.
  case notFiniteScore(row: Int, column: Int)
  /// A line of a table of top examples is not as it was written.
  case damagedTopTable(path: String, line: Int, reason: String)
  /// A value is too large for the float32 of the file at this path.
  case exceedsSingle(path: String, value: Double)
  /// What is computed for all training examples at once does not fit in memory.
  case tooManyExamples(source: String, rows: Int, bytes: Int, budget: Int, isCertified: Bool)
  /// The scores of several queries do not fit in memory until they are one row.
  case aggregationTooLarge(
    aggregation: String, queries: Int, examples: Int, bytes: Int, budget: Int)
  /// Products of a block's gradients overflow, or underflow, in the precision that they run in.
  case outOfRange(block: String)
  /// The curvature of a block could not be factorised.
  case factorization(block: String, method: String, FactorizationError)
  /// An iteration would grow without bound.
  case diverges(method: String, block: String, growth: Double, remedy: String)
  /// A matrix that the method needs would not fit in memory.
  case tooLarge(block: String, method: String, order: Int, bytes: Int, budget: Int)
  /// A text that is not a grid of dampings.
  case invalidDampingGrid(String, reason: String)
  /// No sweep of dampings is defined for this method.
  case notSweepable(method: String, known: [String])
  /// The scores of all dampings would not fit in memory together.
  case sweepTooLarge(dampings: Int, queries: Int, examples: Int, bytes: Int, budget: Int)
}

extension InfluenceError: CustomStringConvertible {
  /// What happened and what to do, in one line.
  public var description: String {
    switch self {
    case .invalidDamping(let damping):
      "damping \(damping) is not positive; use a positive share of the mean eigenvalue such as 0.1, or absolute:VALUE with VALUE > 0"
    case .invalidGroup(let reason):
      "the group: \(reason)"
    case .groupTooInfluential(let method, let block, let leverage):
      "method \(method), block \(block): the group's leverage is \(leverage), where second order is defined below 1; remove fewer examples, raise the damping, or choose exact, whose leverages stay below 1"
    case .emptyEnsemble:
      "the ensemble has no members; name at least one"
    case .ensembleMismatch(let store, let reference, let reason):
      "\(store) and \(reference) cannot be members of one ensemble: \(reason); take all from the same model, data and parameters"
    case .invalidWeight(let store, let weight):
      "\(store): the weight is \(weight), and must be a finite number such as a learning rate, and positive as the time of a segment"
    case .notOfSegments(let method, let reason):
      "method \(method) over the segments of a training: \(reason)"
    case .needsDamping(let method):
      "method \(method) divides by the damping, which is 0 here; use a positive share of the mean eigenvalue such as 0.1, or absolute:VALUE with VALUE > 0"
    case .singular(let block, let method, let reason):
      "method \(method), block \(block): without damping there is no inverse: \(reason); use a positive damping"
    case .notNormalizable(let method, let rows, let reason):
      "method \(method), training \(Self.list(rows)): \(reason)"
    case .missingInput(let method, let source, let reason):
      "method \(method): \(source): \(reason)"
    case .needsRepresentations(let method):
      "method \(method) reads representations of the last layer and no gradients: score with it as a method on representations, or choose a method on gradients"
    case .unmatchedRepresentations(let source, let rows, let storeRows):
      "\(source): \(rows) rows beside \(storeRows) of gradients; write both from the same examples"
    case .noSelfInfluence(let method, let reason):
      "method \(method) has no self-influence: \(reason)"
    case .notCombinable(let method, let combination):
      "method \(method): its scores are divided once blocks are summed, and blocks are to be combined by \(combination); take their sum, or choose a method that divides nothing"
    case .noDirections(let method):
      "method \(method): a score is not a product of one direction with the training example's gradient, so that it is no sum over tokens or parts; choose another method"
    case .notFinite(let source, let block, let rows):
      "\(source): block \(block) holds NaN or infinite gradients in \(Self.list(rows)); recompute or remove those rows (the health of the store lists them all)"
    case .layoutMismatch(let train, let query, let differences):
      "\(train) and \(query) do not hold the same blocks: \(BlockLayout.summary(of: differences)); compute both from the same model and parameters"
    case .nothingToFit(let source):
      "\(source): every block's gradients are zero, so there is no curvature to fit; check that the model was trained and its parameters require gradients"
    case .empty(let source):
      "\(source): the store has no rows; write at least one example's gradient"
    case .unknownMethod(let name, let known):
      "no method is called '\(name)'; choose one of \(known.joined(separator: ", "))"
    case .invalidSetting(let method, let setting, let reason):
      "method \(method), setting '\(setting)': \(reason)"
    case .notFiniteScore(let row, let column):
      "the score at row \(row), column \(column) of the first matrix is NaN or infinite; look for its cause before measuring"
    case .damagedTopTable(let path, let line, let reason):
      "\(path): line \(line) \(reason); score again"
    case .exceedsSingle(let path, let value):
      "\(path): \(value) is more than float32 can hold; raise the damping or scale the gradients"
    case .tooManyExamples(let source, let rows, let bytes, let budget, let isCertified):
      "\(source): \(rows) training rows take \(bytes) bytes at a time with all that is computed for each, more than the \(budget) allowed; give a larger memory budget\(isCertified ? ", or score without certificates" : "")"
    case .aggregationTooLarge(let aggregation, let queries, let examples, let bytes, let budget):
      bytes > budget
        ? "the \(aggregation) of the scores of \(queries) queries for \(examples) training rows takes \(bytes) bytes, more than the \(budget) allowed; give a larger memory budget, or combine queries by normalized-mean, vote or mean"
        : "the \(aggregation) of queries needs each query's scores of all \(examples) training rows at once, which the \(budget) bytes allowed do not hold; give a larger memory budget, or take the mean"
    case .outOfRange(let block):
      "block \(block): products of its gradients are too large or too small for the precision that they run in; use double precision, or scale the losses"
    case .factorization(let block, let method, let error):
      "method \(method), block \(block): \(error)"
    case .diverges(let method, let block, let growth, let remedy):
      "method \(method), block \(block): the recursion grows by a factor of \(growth) a step and would diverge; \(remedy)"
    case .tooLarge(let block, let method, let order, let bytes, let budget):
      "method \(method), block \(block): a matrix of order \(order) takes \(bytes) bytes, more than the \(budget) allowed; give a larger memory budget, or choose pcg, which solves for the exact scores by passes over the gradients, or datainf: they need none"
    case .invalidDampingGrid(let text, let reason):
      "damping grid '\(text)': \(reason); write it as LOW:HIGH:COUNT, such as 1e-3:1:13"
    case .notSweepable(let method, let known):
      "method \(method) cannot be swept over dampings; choose \(known.joined(separator: " or ")), or score with each damping by itself"
    case .sweepTooLarge(let dampings, let queries, let examples, let bytes, let budget):
      "a sweep over \(dampings) dampings holds \(queries) × \(examples) scores of each: \(bytes) bytes with what they are made from, more than the \(budget) allowed; take fewer dampings, the mean of the queries, or a larger memory budget"
    }
  }

  private static func list(_ rows: [Int]) -> String {
    let shown = rows.prefix(10).map(String.init).joined(separator: ", ")
    let noun = rows.count == 1 ? "row" : "rows"
    return rows.count > 10 ? "\(noun) \(shown) and \(rows.count - 10) more" : "\(noun) \(shown)"
  }
}
