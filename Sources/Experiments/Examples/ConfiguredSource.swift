internal import InfluenceKit
internal import OrderedCollections

/// A source of examples that an experiment's file describes: which, how many, how noisy.
protocol ConfiguredSource: ExampleSource {
  /// Opens the data.
  ///
  /// - Throws: ``ExperimentError`` where there are fewer examples than asked for; an error from reading.
  init(_ settings: Settings) throws

  /// What is read: a name, and a fingerprint of the contents, for each.
  var inputs: OrderedDictionary<String, String> { get }
}

/// An experiment whose examples come from one source.
protocol ExperimentOnExamples: Experiment {
  associatedtype Examples: ConfiguredSource
  var data: Examples { get }
}

extension ExperimentOnExamples {
  var inputs: OrderedDictionary<String, String> { data.inputs }
}
