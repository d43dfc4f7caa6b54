import Foundation
import Gradients
import LinearAlgebra
import TensorFiles
import TestSupport
import Testing

@Suite("Gradients in the layouts of other tools, and back")
struct ConversionTests {
  let folder: TemporaryDirectory
  /// Names that no file can have, or that differ in capitals alone, in an order that is not theirs.
  private let sample = Sample(
    rows: 7,
    [("m/b", [3]), ("M.a", [2, 2]), ("m.a", [1]), (".hidden", [2]), ("probabilities", [1])])

  init() throws { folder = try TemporaryDirectory() }

  /// A store with all that can be known of examples.
  private func writeStore(as type: ElementType, _ sample: Sample) throws -> GradientStore {
    let writer = try GradientStoreWriter(
      creating: folder.file("store"), layout: sample.layout, elementType: type,
      provenance: ["weights": "0123abcd", "seed": "7"])
    try writer.append(
      sample.blocks(rows: 0..<sample.rows, as: Float.self),
      ids: (0..<sample.rows).map { "id \($0)" }, losses: (0..<sample.rows).map { Double($0) / 8 },
      texts: (0..<sample.rows).map { "a \"text\"\n\($0)" },
      labels: (0..<sample.rows).map { "\($0 % 2)" })
    try writer.finish()
    return try GradientStore(opening: folder.file("store"))
  }

  private func destination(_ target: StoreConversion.Target) -> URL {
    folder.file(target == .safetensors ? "out.safetensors" : "out")
  }

  private func expectSame(_ name: String) throws {
    for file in ["gradients.bin", "squared_norms.bin", "examples.jsonl", "info.json"] {
      #expect(try folder.bytes("\(name)/\(file)") == folder.bytes("store/\(file)"), "\(file)")
    }
    let manifests = try ["store", name].map {
      try #require(try StoreManifest(ofStoreAt: folder.file($0)))
    }
    #expect(manifests[0].layout == manifests[1].layout)
    #expect(manifests[0].elementType == manifests[1].elementType)
    #expect(
      manifests[1].provenance.filter { !$0.key.hasPrefix("copied_") } == manifests[0].provenance)
  }

  @Test(
    "There and back, every byte is the source's",
    arguments: StoreConversion.Target.allCases, ElementType.floatingPoint)
  func roundTrip(target: StoreConversion.Target, type: ElementType) throws {
    guard target.elementTypes.contains(type) else { return }
    let store = try writeStore(as: type, sample)
    let url = destination(target)
    // Two rows at a time.
    let conversion = try StoreConversion(
      of: store, to: target, at: url, chunkBytes: 2 * sample.width * 8)
    #expect(try conversion.run().rows == 7 && conversion.elementType == type)
    let converted = try GradientStore(opening: url)
    try expect(converted, holds: sample)
    #expect(converted.layout == store.layout && converted.commonElementType == type)
    #expect(try converted.exampleIDs() == (0..<7).map { "id \($0)" })
    #expect(try converted.exampleTexts()?[3] == "a \"text\"\n3")
    #expect(try converted.exampleLosses()?[4] == 0.5 && converted.exampleLabels()?[5] == "1")
    _ = try StoreConversion(of: converted, to: .influence, at: folder.file("back")).run()
    try expectSame("back")
    let left = try FileManager.default.subpathsOfDirectory(atPath: folder.url.path)
    #expect(!left.contains { $0.hasSuffix(".part") || $0.contains(".unfinished") })
  }

  @Test(
    "Numbers that a layout has no type for become float32",
    arguments: [
      (ElementType.int8, StoreConversion.Target.safetensors), (.int8, .npy), (.int8, .bergson),
      (.bfloat16, .npy),
    ])
  func widened(type: ElementType, target: StoreConversion.Target) throws {
    let store = try writeStore(as: type, sample)
    _ = try StoreConversion(of: store, to: target, at: destination(target)).run()
    let converted = try GradientStore(opening: destination(target))
    #expect(converted.commonElementType == .float32)
    for block in store.layout.blocks.indices {
      #expect(
        Matrix(try converted.rows(0..<7, of: block, as: Float.self))
          == Matrix(try store.rows(0..<7, of: block, as: Float.self)))
    }
  }

  @Test("A single block is one .npy file where the name says so, with its examples beside it")
  func file() throws {
    let one = Sample([("head", [2, 3])])
    let conversion = try StoreConversion(
      of: writeStore(as: .float16, one), to: .npy, at: folder.file("head.npy"))
    _ = try conversion.run()
    #expect(conversion.remarks.count == 2 && conversion.remarks[0].contains("\"head\""))
    #expect(conversion.remarks[1].contains("what the store remembers"))
    let back = try GradientStore(opening: folder.file("head.npy"))
    try expect(back, holds: Sample([("gradients", [2, 3])]))
    #expect(back.layout.blocks[0].shape == [2, 3] && back.commonElementType == .float16)
    #expect(try back.exampleIDs()?[4] == "id 4")
    // Its rows keep their examples.
    #expect(try back[rows: 2..<4].exampleIDs() == ["id 2", "id 3"])
  }

  @Test("What other tools hold in memory goes along: ids of logix, probabilities of TRAK")
  func foreign() throws {
    let logix = try GradientStore(opening: LogixBuilder().write(to: folder))
    for target in StoreConversion.Target.allCases {
      let url = folder.file(target == .safetensors ? "l.safetensors" : "l-\(target.rawValue)")
      _ = try StoreConversion(of: logix, to: target, at: url).run()
      let converted = try GradientStore(opening: url)
      #expect(try converted.exampleIDs() == logix.exampleIDs())
      #expect(converted.commonProvenance["origin"]?.hasPrefix("written by logix") == true)
    }
    let trak = try GradientStore(opening: TrakBuilder().write(to: folder))
    _ = try StoreConversion(of: trak, to: .influence, at: folder.file("t")).run()
    let probabilities = try GradientStore(opening: folder.file("t")).probabilities()?.values
    #expect(probabilities == [1, 0.875, 0.75, 0.625, 0.5])
    let remarks = try StoreConversion(of: trak, to: .bergson, at: folder.file("b")).remarks
    #expect(remarks.contains { $0.contains("probabilities") })
  }

  @Test("Nobody's files are overwritten, and a killed run's folder makes way")
  func places() throws {
    let store = try writeStore(as: .float32, sample)
    try folder.write("mine", to: "taken/mine.txt")
    try folder.write("mine", to: "other.part/mine.txt")
    try folder.write("mine", to: "taken.safetensors")
    try folder.write("mine", to: "beside.safetensors.examples.jsonl")
    for (target, name) in [
      (StoreConversion.Target.npy, "taken"), (.bergson, "taken"), (.bergson, "other"),
      (.safetensors, "taken.safetensors"), (.safetensors, "beside.safetensors"),
    ] {
      let conversion = try StoreConversion(of: store, to: target, at: folder.file(name))
      #expect(throws: GradientStoreError.self, "\(name)") { try conversion.run() }
    }
    for name in ["taken/mine.txt", "other.part/mine.txt", "taken.safetensors"] {
      #expect(try folder.text(name) == "mine")
    }
    // Left by a run that was killed between the two files.
    let file = folder.file("killed.safetensors")
    try folder.write(
      folder.bytes("store/examples.jsonl"), to: "killed.safetensors.examples.jsonl")
    _ = try StoreConversion(of: store, to: .safetensors, at: file).run()
    #expect(try GradientStore(opening: file).exampleIDs()?[6] == "id 6")
    try folder.write("half", to: "early.part/.unfinished-0-1.tmp")
    _ = try StoreConversion(of: store, to: .npy, at: folder.file("early")).run()
    try folder.write("{}", to: "out.part/influencekit.json")
    try folder.write("half", to: "out.part/gradients.bin")
    _ = try StoreConversion(of: store, to: .bergson, at: folder.file("out")).run()
    try expect(GradientStore(opening: folder.file("out")), holds: sample)
    #expect(!FileManager.default.fileExists(atPath: folder.file("out.part").path))
  }

  @Test("A layout that cannot hold a store says so before anything is written")
  func refused() throws {
    let store = try writeStore(as: .float32, sample)
    for (target, name, type, word) in [
      (StoreConversion.Target.npy, "a.npy", ElementType?.none, "5 blocks"),
      (.safetensors, "a", nil, ".safetensors"), (.npy, "a", .bfloat16, "float16, float32"),
      (.bergson, "a", .int8, "bfloat16"),
    ] {
      let error = #expect(throws: GradientStoreError.self) {
        try StoreConversion(of: store, to: target, at: folder.file(name), elementType: type)
      }
      #expect("\(try #require(error))".contains(word))
    }
  }

  @Test(
    "A number that is not finite, or too large for the type, is named, and nothing is left",
    arguments: StoreConversion.Target.allCases)
  func notFinite(target: StoreConversion.Target) throws {
    for (value, type) in [(Float.nan, ElementType.float32), (1e6, .float16)] {
      var rows = Matrix<Float>.zeros(3, 2)
      rows[1, 1] = value
      let store = GradientStore(blocks: [("a", [2], rows)])
      let conversion = try StoreConversion(
        of: store, to: target, at: destination(target), elementType: type)
      let error = #expect(throws: GradientStoreError.self) { try conversion.run() }
      #expect("\(try #require(error))".contains("row 1, block \"a\""))
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder.url.path).isEmpty)
    }
  }

  static let damages: [Malformed] = [
    damaged("a block's shape", "inconsistent", "blocks", "bergson") {
      try $0.replace("2,\n        2", with: "2,\n        3", in: "out/influencekit.json")
    },
    damaged("notes of another version", "invalidField", "version", "bergson") {
      try $0.replace("\"version\": 1", with: "\"version\": 2", in: "out/influencekit.json")
    },
    damaged("notes that were changed", "wrongChecksum", "influencekit.json", "bergson") {
      let text = try $0.text("out/influencekit.json")
      try $0.write(text.replacing("0123abcd", with: "0123abce"), to: "out/influencekit.json")
    },
    damaged("an array that is missing", "inconsistent", "influencekit.json", "npy") {
      try FileManager.default.removeItem(at: $0.file("out/M.a.npy"))
    },
    damaged("an array too many", "inconsistent", "influencekit.json", "npy") {
      try $0.write($0.bytes("out/M.a.npy"), to: "out/more.npy")
    },
    damaged("a file that leads elsewhere", "inconsistent", "influencekit.json", "npy") {
      try $0.replace("\"M.a.npy\"", with: "\"../out/M.a.npy\"", in: "out/influencekit.json")
    },
    damaged("a file twice", "inconsistent", "influencekit.json", "npy") {
      try $0.replace("\"M.a.npy\"", with: "\"m_b.npy\"", in: "out/influencekit.json")
    },
    damaged("a flipped bit of tensors", "wrongChecksum", "out.safetensors", "safetensors") {
      var bytes = try $0.bytes("out.safetensors")
      bytes[bytes.count - 1] ^= 1
      try $0.write(bytes, to: "out.safetensors")
    },
  ]

  private static func damaged(
    _ description: String, _ error: String, _ word: String, _ target: String,
    _ damage: @escaping @Sendable (TemporaryDirectory) throws -> Void
  ) -> Malformed {
    Malformed(description, error, [word]) { folder in
      let tests = ConversionTests(folder: folder)
      let target = try #require(StoreConversion.Target(rawValue: target))
      _ = try StoreConversion(
        of: tests.writeStore(as: .float32, tests.sample), to: target, at: tests.destination(target)
      ).run()
      try damage(folder)
      return tests.destination(target)
    }
  }

  private init(folder: TemporaryDirectory) { self.folder = folder }

  @Test("What a conversion noted is compared with what is beside it", arguments: damages)
  func damaged(_ malformed: Malformed) throws {
    let url = try malformed.make(folder)
    let error = #expect(throws: (any Error).self) { try GradientStore(opening: url) }
    let found = try #require(error)
    #expect(caseName(found) == malformed.error, "\(found)")
    for word in malformed.words { #expect("\(found)".contains(word)) }
  }
}
