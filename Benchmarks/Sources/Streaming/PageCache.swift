import Foundation

/// The system's memory of files: dropped before cold runs, filled before warm ones.
enum PageCache {
  /// How files are dropped here; nil until the first time.
  enum Method: String, Codable {
    case dropCaches = "3 written to /proc/sys/vm/drop_caches"
    case advice = "posix_fadvise(POSIX_FADV_DONTNEED)"
  }

  /// Drops a store's files from memory, all files if allowed.
  static func drop(_ store: URL) throws -> Method {
    for file in try files(of: store) {
      let handle = try FileHandle(forUpdating: file)
      defer { try? handle.close() }
      try handle.synchronize()
      guard posix_fadvise(handle.fileDescriptor, 0, 0, Int32(POSIX_FADV_DONTNEED)) == 0 else {
        throw BenchmarkError.missing(path: file.path, remedy: "the system took no advice on it")
      }
    }
    guard let control = FileHandle(forWritingAtPath: "/proc/sys/vm/drop_caches") else {
      return .advice
    }
    defer { try? control.close() }
    do {
      try control.write(contentsOf: Data("3\n".utf8))
      return .dropCaches
    } catch {
      return .advice
    }
  }

  /// Reads a store from first byte to last.
  ///
  /// - Returns: Bytes a second.
  static func read(_ store: URL) throws -> Double {
    let clock = ContinuousClock()
    let start = clock.now
    var bytes = 0
    for file in try files(of: store) {
      let handle = try FileHandle(forReadingFrom: file)
      defer { try? handle.close() }
      while let piece = try handle.read(upToCount: 8 << 20), !piece.isEmpty { bytes += piece.count }
    }
    return Double(bytes) / ((clock.now - start) / .seconds(1))
  }

  /// Bytes of the gradients alone.
  static func gradientBytes(of store: URL) throws -> Int {
    let path = store.appending(path: "gradients.bin").path
    guard let size = try FileManager.default.attributesOfItem(atPath: path)[.size] as? Int else {
      throw BenchmarkError.missing(path: path, remedy: "make the store first")
    }
    return size
  }

  private static func files(of store: URL) throws -> [URL] {
    try FileManager.default.contentsOfDirectory(at: store, includingPropertiesForKeys: nil)
  }
}
