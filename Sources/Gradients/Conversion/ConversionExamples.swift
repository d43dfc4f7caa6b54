import Foundation
import TensorFiles

/// What is known of the examples of a single file of gradients, in a file beside it: `train.npy.examples.jsonl`.
///
/// There is none where nothing is known of any example.
struct ConversionExamples: ~Copyable {
  private let url: URL
  private var file: AtomicFile?

  /// Begins; nothing is written yet.
  ///
  /// - Throws: ``GradientStoreError/alreadyExists(path:)`` where the gradients or their examples are there already.
  init(beside gradients: URL) throws {
    url = ExampleReader.file(besideFileAt: gradients)
    for path in [gradients.path, url.path] where FileManager.default.fileExists(atPath: path) {
      throw GradientStoreError.alreadyExists(path: path)
    }
  }

  /// Appends the lines of some examples.
  mutating func append(_ lines: [UInt8]) throws {
    guard !lines.isEmpty else { return }
    if file == nil { file = try AtomicFile(at: url) }
    try file?.write(lines)
  }

  /// Gives the file its name, if there is any.
  consuming func commit() throws {
    try file.take()?.commit()
  }
}
