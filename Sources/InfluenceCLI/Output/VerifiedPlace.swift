import Foundation
import InfluenceKit

/// All that lies at a path and has checksums: stores with their companions, fits, results, runs.
struct VerifiedPlace {
  /// What was found, in the order of names.
  private(set) var parts: [VerifiedPart] = []
  /// The store, where the path is one.
  private(set) var store: GradientStore?
  private let progress: ProgressHandler?

  /// Compares every byte at a path.
  ///
  /// - Throws: An error of what the path itself is, where that cannot be opened; errors of files in a folder of
  ///   several things are among their complaints.
  init(at path: String, progress: ProgressHandler?) throws {
    self.progress = progress
    let url = URL(filePath: path)
    if FileManager.default.isFolder(atPath: url.path) {
      try addFolder(url)
    } else {
      // A record stands for its results.
      let results = url.deletingPathExtension()
      let isRecord =
        url.pathExtension == "json" && FileManager.default.fileExists(atPath: results.path)
      parts = try Self.file(at: isRecord ? results : url).map { [.file($0)] } ?? []
    }
    // Nothing that is known here: opening it as a store says what it is.
    if parts.isEmpty { try addStore(at: url) }
  }

  private mutating func addStore(at url: URL) throws {
    let store = try GradientStore(opening: url, allowingIncomplete: true, check: .nothing)
    let findings = try store.verification(progress: progress)
    self.store = parts.isEmpty ? store : nil
    parts += findings.map { .shard($0) }
  }

  private mutating func addFolder(_ url: URL) throws {
    func has(_ name: String) -> Bool {
      FileManager.default.fileExists(atPath: url.appending(path: name).path)
    }
    if has(FitManifest.fileName) {
      let (manifest, damages) = try FitManifest.verification(ofFitAt: url, progress: progress)
      return parts.append(.fit(path: url.relativePath, manifest: manifest, damages: damages))
    }
    if has(ComparisonFolder.recordName) { return try addRun(url) }
    let entries = try FileManager.default.contentsOfDirectory(atPath: url.path).sorted()
      .filter { !$0.hasPrefix(".") }.map { url.appending(path: $0) }
    func isStore(_ url: URL) -> Bool {
      [StoreManifest.fileName, "info.json"].contains {
        FileManager.default.fileExists(atPath: url.appending(path: $0).path)
      }
    }
    var shards: [URL] = []
    if isStore(url) {
      try addStore(at: url)
    } else if entries.contains(where: isStore) {
      // Shards of one store, or stores of several things.
      if (try? addStore(at: url)) != nil { shards = entries.filter(isStore) }
    } else if !entries.contains(where: { $0.lastPathComponent.hasSuffix(".npy.json") }),
      entries.contains(where: { $0.pathExtension == "npy" })
    {
      return try addStore(at: url)
    }
    for entry in entries {
      guard FileManager.default.isFolder(atPath: entry.path) else {
        attempt(entry) { place in
          if let file = try Self.file(at: entry) { place.parts.append(.file(file)) }
        }
        continue
      }
      // The shards themselves are done, but not what lies beside them.
      attempt(entry) { place in
        try shards.contains(entry) ? place.addCompanions(in: entry) : place.addFolder(entry)
      }
    }
  }

  /// The companions in the folder of a shard.
  private mutating func addCompanions(in folder: URL) throws {
    for name in try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted() {
      let url = folder.appending(path: name)
      attempt(url) { place in
        if let file = try Self.file(at: url) { place.parts.append(.file(file)) }
      }
    }
  }

  /// Notes an error as a complaint, so that what follows is checked too.
  private mutating func attempt(_ url: URL, _ step: (inout VerifiedPlace) throws -> Void) {
    do {
      try step(&self)
    } catch {
      parts.append(
        .file(VerifiedFile(path: url.relativePath, what: "unusable", complaints: ["\(error)"])))
    }
  }

  /// The folder of a comparison or of an experiment.
  private mutating func addRun(_ url: URL) throws {
    let record = try SealedJSON(contentsOf: url.appending(path: ComparisonFolder.recordName))
    let isComparison = record.content["format"]?.string == "influencekit-comparison"
    var run = VerifiedFile(
      path: url.relativePath, what: isComparison ? "a comparison" : "a run of an experiment",
      isProtected: record.isSealed)
    let lists = isComparison ? ComparisonFolder.recordName : "costs.json"
    let list = url.appending(path: lists)
    if FileManager.default.fileExists(atPath: list.path) {
      let content = try SealedJSON(contentsOf: list).content
      if let json = content[FileChecksums.key] {
        let files = try FileChecksums(json, path: list.path)
        run.byteCount = files.byteCount
        run.complaints = files.damages(in: url).map {
          "\(Console.shortened(url.appending(path: $0.name).path)): \($0.reason)"
        }
      } else {
        run.isProtected = false
      }
    }
    parts.append(.file(run))
    for name in ["cells", "scores", "gradients", "results.json"] {
      let inside = url.appending(path: name)
      guard FileManager.default.fileExists(atPath: inside.path) else { continue }
      attempt(inside) { place in
        guard FileManager.default.isFolder(atPath: inside.path) else {
          if let file = try Self.file(at: inside) { place.parts.append(.file(file)) }
          return
        }
        // Arrays without records are those of the list.
        if !isComparison || name != "scores" { try place.addRunFiles(in: inside) }
      }
    }
  }

  private mutating func addRunFiles(in folder: URL) throws {
    if folder.lastPathComponent == "gradients" { return try addFolder(folder) }
    let files = FileManager.default.enumerator(at: folder, includingPropertiesForKeys: nil)
    for case let url as URL in files ?? .init() where !url.lastPathComponent.hasPrefix(".") {
      attempt(url) { place in
        if let file = try Self.file(at: url) { place.parts.append(.file(file)) }
      }
    }
  }

  /// A file that has a checksum in itself or in a record; nil for others, which are covered elsewhere or not ours.
  private static func file(at url: URL) throws -> VerifiedFile? {
    let (path, name) = (url.relativePath, url.lastPathComponent)
    guard !FileManager.default.isFolder(atPath: url.path) else { return nil }
    switch url.pathExtension.lowercased() {
    case "json":
      let results = url.deletingPathExtension()
      guard !FileManager.default.fileExists(atPath: results.path),
        ![StoreManifest.fileName, "info.json"].contains(name)
      else { return nil }
      let sealed = try SealedJSON(contentsOf: url)
      guard sealed.isSealed else { return nil }
      return VerifiedFile(
        path: path, what: "a JSON file", byteCount: try MemoryMap(opening: url).count)
    case "npy", "csv":
      guard let record = try ResultRecord(of: url) else { return nil }
      return VerifiedFile(
        path: path, what: "results and their record",
        byteCount: try MemoryMap(opening: url).count, isProtected: record.isProtected)
    case "safetensors":
      let file = try SafetensorsFile(opening: url)
      let isProtected = try file.verify()
      let isCompanion = [
        StoredCurvature.fileName, Representations.fileName, OptimizerMoments.fileName,
      ].contains(name)
      guard isProtected || isCompanion else { return nil }
      return VerifiedFile(
        path: path, what: isCompanion ? "beside a store" : "tensors", byteCount: file.map.count,
        isProtected: isProtected)
    default: return nil
    }
  }
}
