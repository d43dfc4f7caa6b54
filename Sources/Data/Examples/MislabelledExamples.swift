public import LinearAlgebra

/// Random parts of one data set, of whose training labels a share is made wrong, to be found again.
///
/// The standard values are those of the main job in small: 1,000 of the 1,797 digits to learn from, a fifth of their
/// labels wrong, and 200 digits that ask which of them help or harm.
public struct MislabelledExamples<Element: Scalar>: ExampleSource {
  /// What is drawn from, with right labels.
  public var pool: TabularDataSet<Element>
  /// Examples that a base model is trained on; 0 for none.
  public var baseCount = 597
  /// Examples to learn from.
  public var trainingCount = 1000
  /// Examples that ask, with right labels.
  public var queryCount = 200
  /// The share of training labels that is made wrong, from 0 to 1.
  public var flippedFraction = 0.2
  /// Whether features get mean 0 and deviation 1 over the training examples.
  public var standardizes = false

  /// Draws from a data set, or from the digits.
  public init(from pool: TabularDataSet<Element> = Digits.dataSet()) { self.pool = pool }

  /// The parts of one seed; the test examples are those that ask.
  ///
  /// - Throws: ``DataError`` if a setting is out of range.
  public func parts(seed: UInt64) throws -> ExampleParts<TabularDataSet<Element>> {
    var parts = try pool.split(
      counts: (baseCount > 0 ? [baseCount] : []) + [trainingCount, queryCount], seed: seed)
    if standardizes {
      let reference = parts[parts.count - 2]
      parts = parts.map { $0.standardized(by: reference) }
    }
    let clean = parts[parts.count - 2]
    let (training, wrong) = try clean.flippingLabels(fraction: flippedFraction, seed: seed)
    return ExampleParts(
      base: baseCount > 0 ? parts[0] : nil, training: training,
      validation: parts[parts.count - 1], trueLabels: clean.labels, wrongRows: Set(wrong))
  }
}
