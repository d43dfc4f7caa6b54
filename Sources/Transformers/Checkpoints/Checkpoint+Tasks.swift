extension Checkpoint {
  /// The most tokens of a text, special ones included.
  public var longestText: Int {
    configuration.positionCount - architecture.embeddings.firstPosition
  }

  /// Whether the model says the class of a text, rather than the next token.
  public var isClassifier: Bool {
    if case .labels = architecture.head { true } else { false }
  }

  /// The names of the labels that the checkpoint itself tells apart; nil where it has no trained classifier.
  public var trainedLabels: [String]? {
    guard case .labels(_, _, let output) = architecture.head, has("\(output.name).weight") else {
      return nil
    }
    return configuration.labels
  }

  /// The map between the first token's numbers and the classifier, where the checkpoint lacks it.
  ///
  /// Encoders that were made for other tasks often do; an adapter can train it whole.
  package var missingPooler: String? {
    guard case .labels(let dense, .pooler, _) = architecture.head, !has("\(dense.name).weight")
    else { return nil }
    return dense.name
  }

  /// What the maps to queries and values are called in each layer, which adapters are usually put beside.
  package var queryAndValueMaps: [String] {
    let maps =
      switch architecture.layer(0).projections {
      case .separate(let query, _, let value): [query, value]
      case .joined(let map): [map]
      }
    return maps.map { String($0.name.split(separator: ".").last ?? "") }
  }

  /// The bytes of all weights in single precision.
  package var weightBytes: Int {
    // Shapes were held against the files, so that no product is too large.
    tensorNames.reduce(0) { $0 + ((try? shape(of: $1)) ?? []).reduce(4, *) }
  }

  private var architecture: Architecture { family.architecture(configuration) }
}
