import Foundation

extension GradientStore {
  /// What the model knows of its curvature; nil where neither the folder nor memory holds anything.
  public var curvature: StoredCurvature? { companions.curvature }

  /// What the last layer reads of each row.
  ///
  /// - Throws: ``GradientStoreError/unusableRepresentations(path:field:reason:)`` where there are none, or
  ///   not of as many examples as there are rows; `TensorFileError`.
  /// - Complexity: Reads the whole file.
  public func representations() throws -> Representations {
    guard let found = try storedRepresentations() else {
      throw Representations.missing(besideStore: name)
    }
    return found
  }

  /// What the last layer reads of each row; nil where there are no representations.
  ///
  /// - Throws: As ``representations()``, but where there are none.
  /// - Complexity: Reads the whole file.
  package func storedRepresentations() throws -> Representations? {
    guard let found = try companions.readRepresentations() else { return nil }
    guard found.count == count else {
      throw GradientStoreError.unusableRepresentations(
        path: found.source, field: "features",
        reason:
          "\(found.count) rows beside \(count) of gradients; write both from the same examples")
    }
    return found
  }

  /// How many features representations have; nil where there are none, or their file does not say.
  ///
  /// - Throws: `TensorFileError`.
  /// - Complexity: Reads the file's header.
  package func representationWidth() throws -> Int? { try companions.representationWidth() }

  /// The probability of each example's own class; nil where neither the folder nor memory holds any.
  ///
  /// - Throws: `TensorFileError`.
  /// - Complexity: Reads the whole file.
  public func probabilities() throws -> LabelProbabilities? {
    try companions.readProbabilities()
  }

  /// What the optimizer knew when the gradients were taken; nil where neither the folder nor memory holds anything.
  ///
  /// - Throws: ``GradientStoreError/unusableOptimizer(path:field:reason:)``, or `TensorFileError`.
  public func optimizerMoments() throws -> OptimizerMoments? { try companions.readOptimizer() }

  /// Where a companion of this store would be found, for messages.
  public func path<Value: Companion>(of companion: Value.Type) -> String {
    URL(filePath: name).appending(path: Value.fileName).path
  }

  /// The same gradients with other companions.
  ///
  /// - Parameter companions: Of these rows, from memory. They take the place of what the store's folder
  ///   holds, which goes with its gradients without this.
  public func with(_ companions: Companions) -> GradientStore {
    precondition(
      companions.exampleIDs.map { $0.count == count } ?? true,
      "\(companions.exampleIDs?.count ?? 0) ids for \(count) rows")
    var store = GradientStore(
      name: name, kind: kind, layout: layout, shards: shards, manifests: manifests,
      companions: companions, members: members)
    store.origin = origin
    return store
  }

  /// The same gradients with what their optimizer knew, and their other companions.
  public func with(optimizer: OptimizerMoments?) -> GradientStore {
    with(companions.with(optimizer: optimizer))
  }

  /// The same gradients with what their model knows of its curvature, and their other companions.
  public func with(curvature: StoredCurvature?) -> GradientStore {
    var companions = companions
    companions.curvature = curvature
    return with(companions)
  }
}
