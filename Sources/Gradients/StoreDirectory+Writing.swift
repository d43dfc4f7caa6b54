import Foundation
import TensorFiles

extension StoreDirectory {
  /// Makes the directory of a new store, durably.
  ///
  /// - Throws: ``GradientStoreError/alreadyExists(path:)`` where a store is there already, or
  ///   ``TensorFileError``.
  static func create(_ directory: URL) throws {
    guard directory.isFileURL else {
      throw TensorFileError.notRegularFile(path: directory.absoluteString)
    }
    let files = FileManager.default
    for name in [
      StoreManifest.fileName, infoName, gradientsName, normsName, examplesName, scalesName,
    ]
    where files.fileExists(atPath: directory.appending(path: name).path) {
      throw GradientStoreError.alreadyExists(path: directory.path)
    }
    do {
      try files.createDirectory(at: directory, withIntermediateDirectories: true)
    } catch {
      throw TensorFileError.operationFailed(
        path: directory.path, operation: "create the folder",
        code: Int32(truncatingIfNeeded: (error as NSError).code),
        reason: "a file may be in its place, or the folder above it cannot be written")
    }
    try SystemCalls.synchronize(folder: directory.deletingLastPathComponent().path)
  }

  /// The files whose bytes the manifest of a store counts.
  static func names(of elementType: ElementType) -> [String] {
    [gradientsName, normsName, examplesName] + (elementType == .int8 ? [scalesName] : [])
  }

  /// Removes the files of a store that cannot be of use, and its directory if nothing else is there.
  static func remove(_ directory: URL) {
    let files = FileManager.default
    for name in [
      infoName, gradientsName, normsName, examplesName, scalesName, StoreManifest.fileName,
    ] {
      try? files.removeItem(at: directory.appending(path: name))
    }
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
  /// would drop when it resumes.
  static func record(_ manifest: StoreManifest, in directory: URL) throws {
    let info = Info(
      rows: manifest.rows, layout: manifest.layout, elementType: manifest.elementType)
    try AtomicFile.write(
      try manifest.json.serialized(.indented) + "\n",
      to: directory.appending(path: StoreManifest.fileName))
    try AtomicFile.write(
      try info.json.serialized(.indented) + "\n", to: directory.appending(path: infoName))
  }
}
