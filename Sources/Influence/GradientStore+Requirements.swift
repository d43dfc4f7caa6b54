package import Gradients

extension GradientStore {
  /// Refuses queries whose rows cannot be multiplied with this store's.
  ///
  /// - Throws: ``InfluenceError/layoutMismatch(train:query:differences:)``.
  package func requireSameBlocks(as queries: GradientStore) throws(InfluenceError) {
    let differences = differences(from: queries)
    guard differences.isEmpty else {
      throw .layoutMismatch(train: name, query: queries.name, differences: differences)
    }
  }

  /// Refuses a store without rows.
  ///
  /// - Throws: ``InfluenceError/empty(source:)``.
  package func requireRows() throws(InfluenceError) {
    guard count > 0 else { throw .empty(source: name) }
  }
}
