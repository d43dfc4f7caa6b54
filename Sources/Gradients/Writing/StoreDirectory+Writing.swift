import Foundation
import TensorFiles

extension StoreDirectory {
  /// Makes the directory of a new store, durably.
  ///
  /// - Returns: Whether it was not there before.
  /// - Throws: ``GradientStoreError/alreadyExists(path:)`` where a store is there already, or
  ///   `TensorFileError`.
  static func create(_ directory: URL) throws -> Bool {
    guard directory.isFileURL else {
      throw TensorFileError.notRegularFile(path: directory.absoluteString)
    }
    try requireVacant(directory)
    let isNew = !FileManager.default.fileExists(atPath: directory.path)
    do {
      try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    } catch CocoaError.fileWriteVolumeReadOnly {
      throw TensorFileError.readOnly(path: directory.path)
    } catch CocoaError.fileWriteOutOfSpace {
      throw TensorFileError.noSpace(path: directory.path)
    } catch CocoaError.fileWriteNoPermission {
      throw TensorFileError.permissionDenied(path: directory.path, operation: "create the folder")
    } catch {
      throw TensorFileError.operationFailed(
        path: directory.path, operation: "create the folder",
        code: Int32(truncatingIfNeeded: (error as NSError).code),
        reason: "a file may be in its place, or the folder above it cannot be written")
    }
    try SystemCalls.synchronize(folder: directory.deletingLastPathComponent().path)
    return isNew
  }

  /// Refuses a directory that holds any file of a store.
  ///
  /// - Throws: ``GradientStoreError/alreadyExists(path:)``.
  static func requireVacant(_ directory: URL) throws(GradientStoreError) {
    for name in StoreFile.all
    where FileManager.default.fileExists(atPath: directory.appending(path: name).path) {
      throw .alreadyExists(path: directory.path)
    }
  }

  /// Keeps other writers out of a directory.
  ///
  /// - Throws: ``GradientStoreError/beingWritten(path:)`` where one is at work, or `TensorFileError`.
  static func lock(_ directory: URL) throws -> FolderLock {
    guard let lock = try FolderLock(holding: directory) else {
      throw GradientStoreError.beingWritten(path: directory.path)
    }
    return lock
  }

  /// Gives a finished directory its name, durably; an empty directory of that name is replaced.
  static func rename(_ directory: URL, to destination: URL) throws(TensorFileError) {
    try SystemCalls.rename(directory.path, to: destination.standardizedFileURL.path)
    try SystemCalls.synchronize(
      folder: destination.standardizedFileURL.deletingLastPathComponent().path)
  }

  /// The files whose bytes the manifest of a store counts.
  static func names(of elementType: ElementType) -> [String] {
    [StoreFile.gradients, StoreFile.norms, StoreFile.examples]
      + (elementType == .int8 ? [StoreFile.scales] : [])
  }

  /// Removes the files of a store that cannot be of use, and its directory if nothing else is there.
  static func remove(_ directory: URL) {
    let files = FileManager.default
    for name in StoreFile.all { try? files.removeItem(at: directory.appending(path: name)) }
    if (try? files.contentsOfDirectory(atPath: directory.path))?.isEmpty == true {
      try? files.removeItem(at: directory)
    }
  }

  /// Opens one of a store's files for appending, cut back to the bytes that its manifest counts.
  static func file(
    _ name: String, of manifest: StoreManifest, in directory: URL
  ) throws -> AppendableFile {
    let url = directory.appending(path: name)
    guard let size = manifest.fileSizes[name],
      size == 0 || FileManager.default.fileExists(atPath: url.path)
    else { throw TensorFileError.notFound(path: url.path) }
    return try AppendableFile(at: url, keeping: size)
  }

  /// Writes `manifest.json` and then `info.json`, each atomically.
  ///
  /// In this order, so that `info.json`, which other tools read, never counts rows that a writer
  /// would drop when it resumes. An `info.json` that is right already is left alone: to mark a store
  /// complete is then one rename, after which nothing is left to do.
  static func record(_ manifest: StoreManifest, in directory: URL) throws {
    let info = Info(of: manifest)
    try AtomicFile.write(
      try manifest.json.sealed().serialized(.indented) + "\n",
      to: directory.appending(path: StoreManifest.fileName))
    let text = try info.json.serialized(.indented) + "\n"
    let url = directory.appending(path: StoreFile.info)
    guard (try? Data(contentsOf: url)) != Data(text.utf8) else { return }
    try AtomicFile.write(text, to: url)
  }
}
