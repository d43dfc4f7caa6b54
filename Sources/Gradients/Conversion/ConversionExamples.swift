import Foundation
import TensorFiles

/// What is known of the examples of a single file of gradients, in a file beside it: `train.npy.examples.jsonl`.
///
/// There is none where nothing is known of any example. One that is there already must hold the same lines: a run that was
/// killed between the two files left it.
struct ConversionExamples: ~Copyable {
  private let gradients: URL
  private let url: URL
  /// What is there already, and how much of it was compared.
  private let existing: MemoryMap?
  private var compared = 0
  private var file: AtomicFile?

  /// Begins; nothing is written yet.
  ///
  /// - Throws: ``GradientStoreError/alreadyExists(path:)`` where the gradients are there already.
  init(beside gradients: URL) throws {
    self.gradients = gradients
    url = ExampleReader.file(besideFileAt: gradients)
    try Self.requireVacant(gradients)
    existing =
      FileManager.default.fileExists(atPath: url.path) ? try MemoryMap(opening: url) : nil
  }

  private static func requireVacant(_ url: URL) throws(GradientStoreError) {
    guard !FileManager.default.fileExists(atPath: url.path) else {
      throw .alreadyExists(path: url.path)
    }
  }

  /// Appends the lines of some examples.
  ///
  /// - Throws: ``GradientStoreError/alreadyExists(path:)`` where a file with other lines is there.
  mutating func append(_ lines: [UInt8]) throws {
    guard !lines.isEmpty else { return }
    if let existing {
      let end = compared + lines.count
      guard end <= existing.count, try existing.bytes(in: compared..<end) == lines else {
        throw GradientStoreError.alreadyExists(path: url.path)
      }
      compared = end
      return
    }
    if file == nil { file = try AtomicFile(at: url) }
    try file?.write(lines)
  }

  /// Gives this file, if there is any, and that of the gradients their names.
  ///
  /// Both are whole on the disk before one has its name.
  consuming func commit(with gradients: consuming AtomicFile) throws {
    guard existing?.count ?? 0 == compared else {
      throw GradientStoreError.alreadyExists(path: url.path)
    }
    try gradients.synchronize()
    try file?.synchronize()
    try Self.requireVacant(self.gradients)
    try file.take()?.commit()
    try gradients.commit()
  }
}
