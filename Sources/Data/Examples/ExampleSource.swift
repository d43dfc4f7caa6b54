/// Where the examples of a training task come from: they are drawn anew for every seed.
public protocol ExampleSource<Examples>: Sendable {
  /// A set of examples with their marks: their classes, and their groups where they have some.
  associatedtype Examples: ExampleSet

  /// The parts of one seed, which share no example; the same seed gives the same parts.
  ///
  /// - Throws: ``DataError`` or another error where the parts cannot be drawn.
  func parts(seed: UInt64) throws -> ExampleParts<Examples>
}

/// The examples of one seed, by what they are for.
public struct ExampleParts<Examples: ExampleSet>: Sendable {
  /// Examples that only a base model sees; nil where there is none.
  public var base: Examples?
  /// What models are trained on, as they see it, wrong labels included.
  public var training: Examples
  /// What influence is asked of.
  public var validation: Examples
  /// What only the final numbers see; the validation examples where there are no such numbers.
  public var test: Examples
  /// The labels that the training examples should have; nil where they have them.
  public var trueLabels: [Int]?
  /// The training rows whose labels are wrong.
  public var wrongRows: Set<Int>

  /// Collects the parts.
  ///
  /// - Parameters:
  ///   - base: See ``base``.
  ///   - training: See ``training``.
  ///   - validation: See ``validation``.
  ///   - test: See ``test``; the validation examples unless given.
  ///   - trueLabels: See ``trueLabels``.
  ///   - wrongRows: See ``wrongRows``.
  public init(
    base: Examples? = nil, training: Examples, validation: Examples, test: Examples? = nil,
    trueLabels: [Int]? = nil, wrongRows: Set<Int> = []
  ) {
    self.base = base
    self.training = training
    self.validation = validation
    self.test = test ?? validation
    self.trueLabels = trueLabels
    self.wrongRows = wrongRows
  }
}
