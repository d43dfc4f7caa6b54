internal import LinearAlgebra

extension TabularDataSet {
  /// A hash of features, labels and class count as 32 hexadecimal digits: the same content has the same on
  /// every machine and in every run.
  ///
  /// It names cached results of a data set; see ``ContentHash``. Features of single precision have the hash of
  /// the same numbers in double precision.
  ///
  /// - Complexity: one pass over the features.
  public var fingerprint: String { ContentHash(of: self).description }
}

extension GroupedDataSet {
  /// A hash of features, labels, class count and groups; see ``TabularDataSet/fingerprint``.
  public var fingerprint: String {
    var hash = ContentHash(of: data)
    hash.update(groups)
    return hash.description
  }
}
