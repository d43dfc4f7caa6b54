import TensorFiles

/// Why a metric has no value for the scores it was given: a property of the data.
public enum EvaluationError: Error, Equatable, Sendable {
  /// Which of the values given to a metric is meant.
  public enum Input: String, Sendable {
    /// The first list of values, `x`.
    case first
    /// The second list of values, `y`.
    case second
  }

  /// Two lists that are compared have different lengths.
  case differentLengths(Int, Int)
  /// Two matrices of scores that are compared have different shapes, each (rows, columns).
  case differentShapes(rows: Int, columns: Int, otherRows: Int, otherColumns: Int)
  /// No ranking of suspects can be made, or not one that was asked for.
  case noRanking(reason: String)
  /// There are fewer values than the metric needs.
  case tooFewValues(count: Int, needed: Int)
  /// The value at this index is NaN or infinite.
  case notFinite(Input, index: Int)
  /// The score at this row and column of a matrix is NaN or infinite.
  case notFiniteScore(Input, row: Int, column: Int)
  /// All values are equal, so a correlation is undefined (0/0).
  case constant(Input)
  /// A fraction is not in 0 < fraction ≤ 1.
  case fractionOutOfRange(Double)
  /// An example named as positive does not exist.
  case indexOutOfRange(index: Int, count: Int)
  /// No example is positive.
  case noPositives(count: Int)
  /// Every example is positive.
  case noNegatives(count: Int)
  /// A confidence level is not in 0 < level < 1.
  case levelOutOfRange(Double)
  /// A statistic of this resample, or of the sample itself (nil), is NaN or infinite.
  case statisticNotFinite(resample: Int?)
  /// A label or prediction that must be 0 or 1 is neither.
  case notBinary(Input, index: Int, value: Int)
  /// An example's group is not in 0 ..< `groupCount`.
  case groupOutOfRange(index: Int, group: Int, groupCount: Int)
  /// A group has no example.
  case emptyGroup(Int)
  /// A group has no example whose label is 1.
  case noPositivesInGroup(Int)
  /// A weight is negative, NaN or infinite.
  case badWeight(index: Int, value: Double)
  /// All weights are 0.
  case noWeight
  /// A row to train on, or to leave out, does not exist.
  case rowOutOfRange(index: Int, count: Int)
  /// A subset to train on, of this number, has no example.
  case emptySubset(Int)
  /// More examples would be removed than leave one to train on.
  case nothingLeft(removed: Int, count: Int)
  /// Examples or a model have more or fewer than two classes.
  case notTwoClasses(Int)
  /// Accuracy or margins were asked of a model whose examples have no classes.
  case noClasses
  /// A functional of two groups found another.
  case notTwoGroups(Int)
  /// No example is in a group, or none with this label.
  case noExampleInGroup(Int, label: Int?)
  /// The strength of an attack is negative or not finite.
  case badStrength(Double)
  /// A classifier whose weights are all 0 has no boundary to cross.
  case noBoundary
  /// A narrower type would leave something else than the gradients of a block.
  case destroysBlock(block: String, type: String, reason: String)
}

extension EvaluationError: CustomStringConvertible {
  /// What is wrong with the values, with what to do about it.
  public var description: String {
    switch self {
    case .differentLengths(let first, let second):
      "\(first) values cannot be compared with \(second): give one value of each for every example"
    case .differentShapes(let rows, let columns, let otherRows, let otherColumns):
      "scores of shape \(rows) × \(columns) cannot be compared with \(otherRows) × \(otherColumns): score the same queries on the same training examples"
    case .noRanking(let reason): "suspects: \(reason)"
    case .tooFewValues(let count, let needed):
      "this metric needs \(needed) values or more, and there are \(count)"
    case .notFinite(let input, let index):
      "value \(index) of the \(input.rawValue) list is NaN or infinite; look for its cause before measuring"
    case .notFiniteScore(let input, let row, let column):
      "the score at row \(row), column \(column) of the \(input.rawValue) matrix is NaN or infinite; look for its cause before measuring"
    case .constant(let input):
      "all values of the \(input.rawValue) list are equal, so their correlation is undefined"
    case .fractionOutOfRange(let fraction):
      "\(fraction) is not a fraction in 0 < fraction ≤ 1"
    case .indexOutOfRange(let index, let count):
      "example \(index) is named as positive, and the examples are 0 ..< \(count)"
    case .noPositives(let count):
      "none of the \(count) examples is positive, so there is nothing to detect"
    case .noNegatives(let count):
      "all \(count) examples are positive, so there is nothing to tell them from"
    case .levelOutOfRange(let level):
      "\(level) is not a confidence level in 0 < level < 1; 0.95 is usual"
    case .statisticNotFinite(let resample):
      if let resample {
        "the statistic of resample \(resample) is NaN or infinite; take one that every sample of these values has"
      } else {
        "the statistic of the sample is NaN or infinite; look for its cause before resampling"
      }
    case .notBinary(let input, let index, let value):
      "value \(index) of the \(input.rawValue) list is \(value); labels and predictions must be 0 or 1 here"
    case .groupOutOfRange(let index, let group, let groupCount):
      "example \(index) is of group \(group), and the groups are 0 ..< \(groupCount)"
    case .emptyGroup(let group):
      "group \(group) has no example, so it has no rate; leave the group out or give it examples"
    case .noPositivesInGroup(let group):
      "group \(group) has no example of label 1, so it has no true positive rate; give it some"
    case .badWeight(let index, let value):
      "weight \(index) is \(value); give a number of 0 or more"
    case .noWeight:
      "all weights are 0, so nothing is left to weigh; give one above 0"
    case .rowOutOfRange(let index, let count):
      "row \(index) is not one of the training rows 0 ..< \(count)"
    case .emptySubset(let subset):
      "subset \(subset) is empty, and nothing can be trained on it; give each subset an example"
    case .nothingLeft(let removed, let count):
      "removing \(removed) of \(count) examples leaves nothing to train on; remove fewer"
    case .notTwoClasses(let classes):
      "there are \(classes) classes where two are needed; choose two of them, or one against the others"
    case .noClasses:
      "the model's examples have no classes, so it has neither accuracy nor margins; ask for losses"
    case .notTwoGroups(let group):
      "group \(group) is neither 0 nor 1; join groups until there are two"
    case .noExampleInGroup(let group, let label):
      "no example\(label.map { " of class \($0)" } ?? "") is in group \(group), so its mean is undefined; take more examples or another grouping"
    case .badStrength(let strength):
      "an attack of strength \(strength) is none; choose a finite number from 0"
    case .noBoundary:
      "all weights of the classifier are 0, so it has no boundary to cross; train it first"
    case .destroysBlock(let block, let type, let reason):
      "block \(block.quoted) would be destroyed by \(type): in sampled rows \(reason); choose a wider type, scale the losses, or allow the loss"
    }
  }
}
