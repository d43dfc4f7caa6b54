internal import InfluenceKit
internal import OrderedCollections

/// The examples of an experiment, as its file describes them: which, how many, how noisy.
///
/// The parts of a seed are drawn anew for every seed, and share no example.
protocol ExampleSource<Examples>: Sendable {
  /// A set of examples with their marks: their classes, and their groups where they have some.
  associatedtype Examples: Sendable

  /// Opens the data.
  ///
  /// - Throws: ``ExperimentError`` where there are fewer examples than asked for; an error from reading.
  init(_ settings: Settings) throws

  /// What is read: a name, and a fingerprint of the contents, for each.
  var inputs: OrderedDictionary<String, String> { get }

  func parts(seed: UInt64) throws -> ExampleParts<Examples>
}

struct ExampleParts<Examples: Sendable>: Sendable {
  /// Examples that only a base model sees; nil where there is none.
  var base: Examples?
  /// What models are trained on, as they see it, wrong labels included.
  var training: Examples
  /// What influence is asked of.
  var validation: Examples
  /// What only the final numbers see; the validation examples where there are no such numbers.
  var test: Examples
  /// The labels that the training examples should have; nil where they have them.
  var trueLabels: [Int]?
  /// The training rows whose labels are wrong.
  var wrongRows: Set<Int> = []
}

/// An experiment whose examples come from one source.
protocol ExperimentOnExamples: Experiment {
  associatedtype Examples: ExampleSource
  var data: Examples { get }
}

extension ExperimentOnExamples {
  var inputs: OrderedDictionary<String, String> { data.inputs }
}
