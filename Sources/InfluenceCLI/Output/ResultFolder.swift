import Foundation
import InfluenceKit

/// A folder of results that appears under its name whole, or not at all.
///
/// Results are written into the folder of the same name with `.part` added, which is renamed at the end. It is
/// removed after an error, and when the command is interrupted; what a killed command left is begun anew by
/// the next one, unless it holds the state with which the command can go on. One command at a time writes to a name.
final class ResultFolder {
  /// The folder that the results will be in.
  let url: URL
  /// The folder that they are written into.
  let unfinished: URL
  /// The outermost folder that was not there before; nil where all were.
  private let made: URL?
  /// The file in the unfinished folder with which the command can go on; nil where it cannot.
  private let state: String?
  private let lock: FolderLock
  private var interruption: Int?

  /// The file by which an unfinished folder is known.
  private static let marker = ".influence-unfinished"

  /// Makes the unfinished folder, and the folders around it, where they are missing.
  ///
  /// - Parameters:
  ///   - url: The folder; nothing, or an empty folder.
  ///   - inputs: Paths that are read, in which no results may lie.
  ///   - state: The name of the file with which a command can go on: an unfinished folder that holds it is not removed.
  ///   - resumes: Whether the command goes on with such a folder.
  /// - Throws: ``Failure`` where something else is in the way, or `GradientStoreError.beingWritten` where
  ///   another command writes there.
  init(_ url: URL, inputs: [String] = [], state: String? = nil, resumes: Bool = false) throws {
    try RealPath.refuse(url.path, inside: inputs, option: "--output")
    self.url = URL(filePath: RealPath.of(url.path))
    unfinished = URL(filePath: self.url.path + ".part")
    try Self.requireVacant(self.url)
    made = try Self.firstMissing(around: self.url)
    // No interruption between making it and knowing that it must be removed.
    Interruption.postpone()
    defer { Interruption.allow() }
    let files = FileManager.default
    do {
      try files.createDirectory(at: unfinished, withIntermediateDirectories: true)
    } catch {
      throw Failure.cannotCreate(
        "\(url.path): the folder \(unfinished.path) cannot be made; choose another --output")
    }
    guard let lock = try Self.hold(unfinished) else {
      throw GradientStoreError.beingWritten(path: url.path)
    }
    if Self.holds(state, in: unfinished) {
      guard resumes else {
        throw Failure.cannotCreate(
          "\(unfinished.path): an earlier run has left its beginnings there; add --resume to go on with them, or remove the folder"
        )
      }
    } else {
      try Self.clear(unfinished)
    }
    try AtomicFile.write("", to: unfinished.appending(path: Self.marker))
    // Another command may have finished between the first look and the lock.
    try Self.requireVacant(self.url)
    self.lock = lock
    self.state = state
    interruption = Interruption.before { [unfinished, made] in
      Self.remove(unfinished, made, unlessItHolds: state)
    }
  }

  /// Whether the folder of unfinished results holds the state with which the command can go on.
  var isResumable: Bool { Self.holds(state, in: unfinished) }

  private static func holds(_ state: String?, in folder: URL) -> Bool {
    state.map { FileManager.default.fileExists(atPath: folder.appending(path: $0).path) } ?? false
  }

  /// The first folder `influence-runs/NAME-N` that is not taken.
  static func fresh(_ name: String) throws -> URL {
    let base = URL(filePath: "influence-runs")
    for number in 1...100_000 {
      let folder = base.appending(path: "\(name)-\(number)")
      let names = [folder.path, folder.path + ".part"]
      if !names.contains(where: { FileManager.default.fileExists(atPath: $0) }) { return folder }
    }
    throw Failure.cannotCreate("influence-runs: it is full; delete old runs")
  }

  /// Gives the folder its name.
  ///
  /// - Throws: ``Failure/cannotCreate(_:)`` where something has come to stand there meanwhile.
  func keep() throws {
    try Self.requireVacant(url)
    try SystemCalls.synchronize(folder: unfinished.path)
    try SystemCalls.rename(unfinished.path, to: url.path)
    // After the name, so that at no moment an unfinished folder is nobody's.
    for name in [state, Self.marker].compactMap({ $0 }) {
      try? FileManager.default.removeItem(at: url.appending(path: name))
    }
    try SystemCalls.synchronize(folder: url.deletingLastPathComponent().path)
    interruption.map(Interruption.forget)
    interruption = nil
  }

  deinit {
    guard let interruption else { return }
    Interruption.forget(interruption)
    Self.remove(unfinished, made, unlessItHolds: state)
  }

  /// Locks an unfinished folder; nil where another command has it, or has just given it its name.
  private static func hold(_ unfinished: URL) throws -> FolderLock? {
    let opened = number(of: unfinished)
    do {
      // Between its opening and its locking the folder may have gone, and another have come in its place.
      guard let lock = try FolderLock(holding: unfinished), opened == number(of: unfinished)
      else { return nil }
      return lock
    } catch {
      guard let opened, opened == number(of: unfinished) else { return nil }
      throw error
    }
  }

  /// What the file system calls a folder, whatever its name.
  private static func number(of folder: URL) -> Int? {
    (try? FileManager.default.attributesOfItem(atPath: folder.path))?[.systemFileNumber] as? Int
  }

  /// Refuses a place where something is already.
  private static func requireVacant(_ url: URL) throws {
    let files = FileManager.default
    guard files.fileExists(atPath: url.path) else { return }
    guard files.isFolder(atPath: url.path) else {
      throw Failure.cannotCreate("\(url.path): it is not a folder; choose another --output")
    }
    guard try files.contentsOfDirectory(atPath: url.path).isEmpty else {
      let run = url.appending(path: "run.json").path
      throw Failure.cannotCreate(
        "\(url.path): it is there already, and not empty; choose another --output"
          + (files.fileExists(atPath: run) ? ", or --repeat the run that is in it" : ""))
    }
    try MountPoint.refuse(url)
  }

  /// The outermost folder around a place that does not exist yet.
  private static func firstMissing(around url: URL) throws -> URL? {
    let files = FileManager.default
    var missing: URL?
    var folder = url.deletingLastPathComponent()
    while !files.fileExists(atPath: folder.path), folder.pathComponents.count > 1 {
      missing = folder
      folder = folder.deletingLastPathComponent()
    }
    guard files.isFolder(atPath: folder.path) else {
      throw Failure.cannotCreate(
        "\(url.path): \(folder.path) is not a folder; choose another --output")
    }
    return missing
  }

  /// Removes what a killed command left, and nothing of anybody else's.
  private static func clear(_ unfinished: URL) throws {
    let files = FileManager.default
    let names = try files.contentsOfDirectory(atPath: unfinished.path)
    guard
      names.isEmpty || names.contains(marker) || names.allSatisfy({ $0.hasPrefix(".unfinished-") })
    else {
      throw Failure.cannotCreate(
        "\(unfinished.path): it is there already, and no command left it; choose another --output")
    }
    // The marker goes last: until then the folder is known.
    for name in names where name != marker {
      try files.removeItem(at: unfinished.appending(path: name))
    }
  }

  /// Removes an unfinished folder, and the one made around it, unless there is a state in it.
  private static func remove(_ unfinished: URL, _ made: URL?, unlessItHolds state: String?) {
    guard !holds(state, in: unfinished) else { return }
    for item in [unfinished, made].compactMap({ $0 }) {
      // Again, if another thread has put a file into it meanwhile.
      for _ in 0..<5 where FileManager.default.fileExists(atPath: item.path) {
        try? FileManager.default.removeItem(at: item)
      }
    }
  }
}

extension FileManager {
  /// Whether there is a folder at a path, or a symbolic link to one.
  func isFolder(atPath path: String) -> Bool {
    let real = URL(filePath: path).resolvingSymlinksInPath().path
    return (try? attributesOfItem(atPath: real))?[.type] as? FileAttributeType == .typeDirectory
  }
}
