/// The methods on representations by name, as commands and files spell them.
public enum RepresentationCatalog {
  /// The methods, in the order in which tables show them.
  public static let types: [any RepresentationMethod.Type] = [
    RepresenterPoints.self, NeighbourShapley.self, RepresentationSimilarity.self,
  ]

  /// The names, in the order in which tables show them.
  public static var names: [String] { types.map { $0.name } }

  /// One line on each method, with its settings, by name.
  public static var summaries: [String: String] {
    Dictionary(uniqueKeysWithValues: types.map { ($0.name, $0.help) })
  }

  /// Makes a method from a name with settings after a colon, `knn-shapley:k=5`; nil for other names.
  ///
  /// - Throws: ``InfluenceError/invalidSetting(method:setting:reason:)``.
  public static func method(
    _ specification: String
  ) throws(InfluenceError) -> (any RepresentationMethod)? {
    let specification = MethodSpecification(specification)
    guard let type = types.first(where: { $0.name == specification.name }) else { return nil }
    return try type.reading(specification) { text throws(InfluenceError) in
      throw .unknownMethod(text, known: [])
    }
  }
}
