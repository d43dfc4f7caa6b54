/// Which independent random sequence of one seed serves which purpose, so that drawing more numbers
/// for one never changes another.
package enum RandomStream {
  package static let split: UInt64 = 1
  package static let labelNoise: UInt64 = 2
  package static let batches: UInt64 = 3
  package static let patches: UInt64 = 4
  /// Plus the part's number.
  package static let synthetic: UInt64 = 5 << 32
  /// Plus the layer's number.
  package static let weights: UInt64 = 1 << 32
  /// Plus the example's row, and the layer's number in the upper half.
  package static let dropout: UInt64 = 3 << 32
  /// Plus the example's row.
  package static let fisherLabels: UInt64 = 4 << 32
  /// Plus the layer's number.
  package static let adapters: UInt64 = 2 << 32
  /// Plus the number of the epoch, from 0.
  package static let epochs: UInt64 = 6 << 32
}
