import TensorFiles

extension GradientStore {
  /// The rows of several stores, one after the other, without a copy.
  ///
  /// - Parameters:
  ///   - stores: At least one; all with the same blocks in the same order, and numbers of one type.
  ///   - name: What to call them together.
  /// - Throws: ``GradientStoreError/inconsistent(path:reason:)`` naming the first that does not fit.
  public init(joining stores: [GradientStore], name: String) throws {
    let joined = try Self.joining(stores, name: name)
    guard joined.commonElementType != nil else {
      let types = stores.map { $0.sufficientElementType.name }.joined(separator: ", ")
      throw GradientStoreError.inconsistent(
        path: name,
        reason:
          "the stores hold numbers of different types (\(types)); import them in one type first"
      )
    }
    self = joined
  }
}
