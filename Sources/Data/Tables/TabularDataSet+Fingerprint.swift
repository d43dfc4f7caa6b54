public import LinearAlgebra

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

extension ContentHash {
  /// The fingerprint of a data set: shape, the bits of all features in double precision, labels, number of
  /// classes; ids do not count.
  public init<Element: Scalar>(of data: TabularDataSet<Element>) {
    update([data.count, data.features.columns, data.classCount])
    update(data.features.elements.map { Double($0) })
    update(data.labels)
  }
}
