/// The names of the files in a store directory.
enum StoreFile {
  static let info = "info.json"
  static let gradients = "gradients.bin"
  static let norms = "squared_norms.bin"
  static let examples = "examples.jsonl"
  static let scales = "scales.bin"
}
