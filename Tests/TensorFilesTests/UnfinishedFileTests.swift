import Foundation
import TensorFiles
import Testing

@Suite("Temporary files of writers that are killed, and locks")
struct UnfinishedFileTests {
  /// Leaves what a process leaves that is killed in the middle of a file.
  private func killWriter(of url: URL) async {
    let path = url.path
    await #expect(processExitsWith: .signal(SIGKILL)) { [path = path as String] in
      var file = try AtomicFile(at: URL(filePath: path))
      try file.write([1, 2, 3])
      kill(getpid(), SIGKILL)
      try file.commit()
    }
  }

  @Test("The next file of the same name removes them, and no others")
  func removed() async throws {
    let folder = try TemporaryFolder()
    // They do not pile up, either.
    for _ in 0..<3 { await killWriter(of: folder["one"]) }
    await killWriter(of: folder["two"])
    #expect(try folder.names.filter { $0.hasSuffix(".tmp") }.count == 2)
    func rewrite() throws {
      let living = try AtomicFile(at: folder["one"])
      #expect(try folder.names.filter { $0.hasSuffix(".tmp") }.count == 2)
      // A living writer's file stays.
      try AtomicFile.write("text", to: folder["one"])
      try living.commit()
    }
    try rewrite()
    #expect(try folder.names.filter { $0.hasSuffix(".tmp") }.count == 1)
    #expect(try folder.names.filter { !$0.hasSuffix(".tmp") } == ["one"])
    try AtomicFile.write("text", to: folder["two"])
    #expect(try folder.names == ["one", "two"])
  }

  @Test("A process that is about to end abandons what it has begun")
  func abandoned() async throws {
    let folder = try TemporaryFolder()
    let path = folder["file"].path
    await #expect(processExitsWith: .exitCode(7)) { [path = path as String] in
      var file = try AtomicFile(at: URL(filePath: path))
      try file.write([1, 2, 3])
      AtomicFile.abandonAll()
      do {
        try file.commit()
      } catch {
        do { try AtomicFile.write("late", to: URL(filePath: path)) } catch { _exit(7) }
      }
    }
    #expect(try folder.names.isEmpty)
  }

  @Test("A folder has one holder, until that is gone or killed")
  func folderLock() async throws {
    let folder = try TemporaryFolder()
    let url = folder["folder"]
    #expect(throws: TensorFileError.notFound(path: url.path)) { _ = try FolderLock(holding: url) }
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: false)
    func isFree() throws -> Bool {
      guard let lock = try FolderLock(holding: url) else { return false }
      _ = consume lock
      return true
    }
    func hold() throws {
      guard let lock = try FolderLock(holding: url) else {
        Issue.record("nobody else holds it")
        return
      }
      #expect(try !isFree())
      _ = consume lock
    }
    try hold()
    #expect(try isFree())
    let path = url.path
    await #expect(processExitsWith: .signal(SIGKILL)) { [path = path as String] in
      let lock = try FolderLock(holding: URL(filePath: path))
      kill(getpid(), SIGKILL)
      _ = consume lock
    }
    #expect(try isFree())
    #expect(try FileManager.default.contentsOfDirectory(atPath: url.path).isEmpty)
  }

  #if os(Linux)
    @Test("A folder's lock goes with its holder, though a forked child has the descriptor still")
    func folderLockOfAChild() throws {
      let folder = try TemporaryFolder()
      let url = folder["folder"].resolvingSymlinksInPath()
      try FileManager.default.createDirectory(at: url, withIntermediateDirectories: false)
      var copies: [Int32] = []
      func hold() throws {
        guard let lock = try FolderLock(holding: url) else {
          Issue.record("nobody else holds it")
          return
        }
        // What a child has between fork and exec: the same open file under another descriptor.
        let files = FileManager.default
        copies = try files.contentsOfDirectory(atPath: "/proc/self/fd").filter {
          (try? files.destinationOfSymbolicLink(atPath: "/proc/self/fd/\($0)")) == url.path
        }.compactMap { Int32($0) }.map { dup($0) }
        _ = consume lock
      }
      try hold()
      #expect(copies.count == 1)
      let next = try FolderLock(holding: url)
      let isFree = next != nil
      #expect(isFree)
      for copy in copies { close(copy) }
    }
  #endif
}
