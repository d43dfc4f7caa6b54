import Foundation
import Gradients
import TensorFiles
import TestSupport
import Testing

@Suite("Merging stores")
struct JoiningTests {
  let folder: TemporaryDirectory

  init() throws { folder = try TemporaryDirectory() }

  @Test(
    "Parts of a store, merged, are the store, byte by byte", arguments: ElementType.floatingPoint)
  func roundTrip(type: ElementType) throws {
    try folder.writeStore("store", Sample(rows: 11), as: type)
    let store = try GradientStore(opening: folder.file("store"))
    let parts = try [0..<4, 4..<5, 5..<11].enumerated().map { index, rows in
      let url = folder.file("part-\(index)")
      _ = try StoreCopy(of: store, rows: rows, to: url, chunkBytes: 100).run()
      return try GradientStore(opening: url)
    }
    #expect(try folder.text("part-1/examples.jsonl").hasPrefix("{\"row\":0,\"id\":\"example 4\""))
    let joined = try GradientStore(joining: parts, name: "parts")
    try expect(joined, holds: Sample(rows: 11))
    _ = try StoreCopy(of: joined, to: folder.file("merged"), chunkBytes: 100).run()
    for file in storeFiles where file != "manifest.json" {
      #expect(try folder.bytes("merged/\(file)") == folder.bytes("store/\(file)"), "\(file)")
    }
  }

  @Test("Stores of different blocks or types are refused")
  func refusals() throws {
    let one = try GradientStore(opening: folder.writeStore("one", Sample(rows: 3)))
    let half = try GradientStore(opening: folder.writeStore("half", Sample(rows: 3), as: .float16))
    let other = try GradientStore(
      opening: folder.writeStore("other", Sample(rows: 3, [("z", [8])])))
    for (second, word) in [(half, "types"), (other, "blocks")] {
      let error = #expect(throws: (any Error).self) {
        try GradientStore(joining: [one, second], name: "both")
      }
      if let error { expect(error, is: "inconsistent", about: "both", mentioning: [word]) }
    }
  }
}
