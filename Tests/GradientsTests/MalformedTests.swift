import Foundation
import Gradients
import LinearAlgebra
import TensorFiles
import TestSupport
import Testing

@Suite("What is not a store is refused, with a reason")
struct MalformedTests {
  let folder: TemporaryDirectory

  init() throws { folder = try TemporaryDirectory() }

  @Test(
    "Each gives its error, with the path, the place and a remedy",
    arguments: Malformed.indexes + Malformed.manifests + Malformed.tensors + Malformed.arrays
      + Malformed.torchFiles + Malformed.shards + Malformed.others)
  func malformed(_ malformed: Malformed) throws {
    let url = try malformed.make(folder)
    do {
      _ = try GradientStore(opening: url)
      Issue.record("opened")
    } catch {
      expect(error, is: malformed.error, about: url.path, mentioning: malformed.words)
    }
  }

  @Test("A manifest that counts more rows than the files hold")
  func shortFiles() throws {
    let url = try folder.writeStore("store", Malformed.sample)
    for (name, old, new) in [
      ("info.json", #""num_grads": 3"#, #""num_grads": 4"#),
      ("manifest.json", #""rows": 3"#, #""rows": 4"#),
      ("manifest.json", #""gradients.bin": 60"#, #""gradients.bin": 80"#),
      ("manifest.json", #""squared_norms.bin": 48"#, #""squared_norms.bin": 64"#),
    ] {
      try folder.replace(old, with: new, in: "store/\(name)")
    }
    do {
      _ = try GradientStore(opening: url)
      Issue.record("opened")
    } catch {
      expect(error, is: "wrongSize", about: url.path, mentioning: ["gradients.bin", "60", "80"])
    }
    #expect(throws: TensorFileError.self) { try GradientStoreWriter(resuming: url) }
  }

  @Test("A file of another machine")
  func remote() throws {
    let url = try #require(URL(string: "https://example.com/gradients"))
    #expect(throws: TensorFileError.notRegularFile(path: "https://example.com/gradients")) {
      try GradientStore(opening: url)
    }
  }

  @Test("A device", .timeLimit(.minutes(1)))
  func device() throws {
    let path = "/dev/zero"
    #expect(throws: TensorFileError.notRegularFile(path: path)) {
      try GradientStore(opening: URL(filePath: path))
    }
  }

  @Test("A pipe that nobody writes to is not waited for", .timeLimit(.minutes(1)))
  func pipe() throws {
    let process = Process()
    process.executableURL = URL(filePath: "/usr/bin/mkfifo")
    process.arguments = [folder.file("pipe").path]
    guard (try? process.run()) != nil else { return }
    process.waitUntilExit()
    #expect(throws: TensorFileError.notRegularFile(path: folder.file("pipe").path)) {
      try GradientStore(opening: folder.file("pipe"))
    }
    // In a directory, it is no more a block than a folder is.
    let sample = Sample([("a", [3])])
    try folder.writeArray("arrays/a.npy", sample, block: 0)
    try FileManager.default.moveItem(at: folder.file("pipe"), to: folder.file("arrays/pipe"))
    try expect(GradientStore(opening: folder.file("arrays")), holds: sample)
  }

  @Test("What may not be read", .enabled(if: geteuid() != 0, "root may read everything"))
  func unreadable() throws {
    let sample = Sample([("a", [3])])
    let array = try folder.writeArray("arrays/a.npy", sample, block: 0)
    let index = try folder.writeIndex("index", sample).appending(path: "gradients.bin")
    try FileManager.default.setAttributes([.posixPermissions: 0], ofItemAtPath: array.path)
    try FileManager.default.setAttributes([.posixPermissions: 0], ofItemAtPath: index.path)
    let secret = folder.file("secret")
    try FileManager.default.createDirectory(at: secret, withIntermediateDirectories: true)
    try FileManager.default.setAttributes([.posixPermissions: 0], ofItemAtPath: secret.path)
    defer {
      try? FileManager.default.setAttributes([.posixPermissions: 0o700], ofItemAtPath: secret.path)
    }
    for (url, path) in [
      (array, array.path), (folder.file("arrays"), array.path), (folder.file("index"), index.path),
      (secret, secret.path),
    ] {
      do {
        _ = try GradientStore(opening: url)
        Issue.record("opened \(url.path)")
      } catch {
        expect(error, is: "permissionDenied", about: path, mentioning: [])
      }
    }
  }

  @Test("A store with any byte of its text changed opens or is refused, but never crashes")
  func mutations() throws {
    try folder.writeStore("store", Malformed.sample)
    var generator = SeededGenerator(seed: 11)
    for name in ["info.json", "manifest.json"] {
      let original = try folder.bytes("store/\(name)")
      for _ in 0..<300 {
        var bytes = original
        switch generator.index(below: 3) {
        case 0: bytes[generator.index(below: bytes.count)] ^= UInt8(1 << generator.index(below: 8))
        case 1: bytes.remove(at: generator.index(below: bytes.count))
        default:
          bytes[generator.index(below: bytes.count)] =
            UInt8(ascii: "0")
            + UInt8(generator.index(below: 10))
        }
        try folder.write(bytes, to: "store/\(name)")
        do {
          let store = try GradientStore(opening: folder.file("store"), allowingIncomplete: true)
          _ = try store.squaredNorms()
          for block in store.layout.blocks.indices {
            _ = Matrix(try store.rows(0..<store.count, of: block, as: Float.self))
          }
        } catch {
          #expect(error is GradientStoreError || error is TensorFileError, "\(error)")
        }
      }
      try folder.write(original, to: "store/\(name)")
    }
  }
}
