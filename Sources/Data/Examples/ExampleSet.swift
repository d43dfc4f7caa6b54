/// Examples that a model learns from: they are counted, chosen by row, and told apart by their content.
public protocol ExampleSet: Sendable {
  /// The number of examples n.
  var count: Int { get }
  /// A hash of the content, the same on every machine and in every run; it names cached results.
  var fingerprint: String { get }
  /// The given examples, in the given order; an example may come more than once.
  ///
  /// - Parameter rows: Row numbers in 0 ..< ``count``.
  func selecting(_ rows: [Int]) -> Self
}

extension TabularDataSet: ExampleSet {}
extension GroupedDataSet: ExampleSet {}

/// One example that says what of it goes into a fingerprint, so that an array of such examples is an ``ExampleSet``.
public protocol ContentHashable: Sendable {
  /// Adds the content to a hash: examples of other content must add other bytes.
  func update(_ hash: inout ContentHash)
}

extension Array: ExampleSet where Element: ContentHashable {
  /// A hash of the number of examples, and of each in order.
  public var fingerprint: String {
    var hash = ContentHash()
    hash.update([count])
    for example in self { example.update(&hash) }
    return hash.description
  }

  /// The elements at the given places, in the given order.
  public func selecting(_ rows: [Int]) -> [Element] { rows.map { self[$0] } }
}
