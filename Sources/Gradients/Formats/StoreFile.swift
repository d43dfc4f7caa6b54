/// The names of the files in a store directory.
enum StoreFile {
  static let info = "info.json"
  static let gradients = "gradients.bin"
  static let norms = "squared_norms.bin"
  static let examples = "examples.jsonl"
  static let scales = "scales.bin"

  static let manifest = "manifest.json"
  /// What is noted of gradients in the layout of another tool.
  static let notes = "influencekit.json"
  /// Where each example's tokens begin, in a store of bergson's whose rows are tokens.
  static let offsets = "offsets.npy"

  /// All of them; the manifest last, so that a store which is removed has one as long as it has anything.
  static let all = [info, gradients, norms, examples, scales, manifest]
}
