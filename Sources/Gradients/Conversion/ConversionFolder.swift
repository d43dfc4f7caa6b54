import Foundation
import TensorFiles

/// A folder that is filled beside its place, and takes its name when all files in it are whole.
///
/// Until then it is called as the destination with `.part`, and is removed if it does not come so far. What a killed run
/// left is known by the notes in it, which are written first, and makes way for the next.
struct ConversionFolder: ~Copyable {
  /// Where files are written.
  let url: URL
  private let destination: URL
  private let lock: FolderLock
  private var isCommitted = false

  /// Begins a folder, with notes in it.
  ///
  /// - Throws: ``GradientStoreError/alreadyExists(path:)`` where something else is at the destination, or has the unfinished
  ///   folder's name,
  ///   ``GradientStoreError/beingWritten(path:)`` where another run fills it, or `TensorFileError`.
  init(for destination: URL, notes: StoreNotes) throws {
    try Self.requireVacant(destination)
    let url = Self.unfinished(destination)
    let isNew = !FileManager.default.fileExists(atPath: url.path)
    if isNew { _ = try StoreDirectory.create(url) }
    let lock = try Self.lock(url, for: destination)
    // Before this value is whole, since its end removes the folder.
    if !isNew { try Self.empty(url) }
    try notes.write(to: url)
    self.url = url
    self.destination = destination
    self.lock = consume lock
    UnfinishedFiles.enter(folder: url)
  }

  deinit {
    if !isCommitted { try? FileManager.default.removeItem(at: url) }
    UnfinishedFiles.leave(folder: url)
  }

  /// Gives the folder its name.
  consuming func commit() throws {
    try Self.requireVacant(destination)
    try SystemCalls.synchronize(folder: url.path)
    try StoreDirectory.rename(url, to: destination)
    isCommitted = true
  }

  /// The folder's name until it is whole.
  static func unfinished(_ destination: URL) -> URL {
    let target = destination.standardizedFileURL
    return target.deletingLastPathComponent().appending(path: target.lastPathComponent + ".part")
  }

  private static func requireVacant(_ destination: URL) throws {
    let files = FileManager.default
    guard files.fileExists(atPath: destination.path) else { return }
    guard (try? files.contentsOfDirectory(atPath: destination.path).isEmpty) ?? false else {
      throw GradientStoreError.alreadyExists(path: destination.path)
    }
    try MountPoint.refuse(destination)
  }

  /// Keeps others out of the unfinished folder, which another run may have renamed or removed in the meantime.
  private static func lock(_ url: URL, for destination: URL) throws -> FolderLock {
    do {
      let lock = try StoreDirectory.lock(url)
      try requireVacant(destination)
      guard FileManager.default.fileExists(atPath: url.path) else {
        throw GradientStoreError.beingWritten(path: destination.path)
      }
      return lock
    } catch TensorFileError.notFound {
      try requireVacant(destination)
      throw GradientStoreError.beingWritten(path: destination.path)
    }
  }

  /// Removes what a killed run left in its folder.
  private static func empty(_ url: URL) throws {
    let files = FileManager.default
    let names = try files.contentsOfDirectory(atPath: url.path)
    // A run that was killed while it wrote the notes left them under a name that nobody else gives.
    guard names.contains(StoreFile.notes) || names.allSatisfy({ $0.hasPrefix(".unfinished-") })
    else {
      // The folder is filled under this name until it is whole.
      throw GradientStoreError.alreadyExists(path: url.path)
    }
    for name in names { try files.removeItem(at: url.appending(path: name)) }
  }
}

extension ConversionFolder {
  /// A file in the folder, for numbers or lines that follow each other.
  func file(_ name: String) throws(TensorFileError) -> AppendableFile {
    try AppendableFile(at: url.appending(path: name), keeping: 0)
  }
}
