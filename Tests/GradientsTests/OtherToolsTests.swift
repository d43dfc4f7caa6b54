import Foundation
import Gradients
import LinearAlgebra
import TensorFiles
import TestSupport
import Testing

/// A checkpoint of TRAK in a folder, any part of which can be made wrong.
struct TrakBuilder {
  var name = "trak/0"
  var rows = 5
  var columns = 3
  var flags = [1, 1, 1, 1, 1]
  var losses = 5
  var settings = #"{"JL dimension": 3, "JL matrix type": "normal", "train set size": 5}"#

  static let sample = Sample([("gradients", [3])])

  @discardableResult
  func write(to folder: TemporaryDirectory) throws -> URL {
    let numbers = Self.sample.matrix(rows: 0..<rows, columns: 0..<columns, as: Double.self)
    try folder.writeArray(
      "\(name)/grads.mmap", descriptor: "<f2", shape: [rows, columns],
      Bytes.of(numbers, as: .float16))
    try folder.writeArray(
      "\(name)/features.mmap", descriptor: "<f2", shape: [rows, columns],
      [UInt8](repeating: 0, count: 2 * rows * columns))
    try folder.writeArray(
      "\(name)/out_to_loss.mmap", descriptor: "<f2", shape: [losses, 1],
      Bytes.of(
        Matrix(rows: losses, columns: 1, elements: (0..<losses).map { Double($0) / 8 }),
        as: .float16))
    try folder.writeArray(
      "\(name)/_is_featurized.mmap", descriptor: "<i4", shape: [flags.count, 1],
      flags.flatMap { Bytes.littleEndian(UInt32(truncatingIfNeeded: $0)) })
    try folder.write(settings, to: "trak/metadata.json")
    return folder.file(name)
  }
}

@Suite("Stores of other tools")
struct OtherToolsTests {
  let folder: TemporaryDirectory

  init() throws { folder = try TemporaryDirectory() }

  @Test("A checkpoint of TRAK has the margin's gradients, and the probabilities beside them")
  func trak() throws {
    let url = try TrakBuilder().write(to: folder)
    for place in [url, folder.file("trak")] {
      let store = try GradientStore(opening: place)
      #expect(store.kind == .trak && store.commonElementType == .float16)
      try expect(store, holds: TrakBuilder.sample)
      #expect(
        try store.probabilities()?.values == [1, 0.875, 0.75, 0.625, 0.5])
      let line = try #require(store.origin?.description)
      #expect(line.hasPrefix("written by TRAK: rows are gradients of the margin"))
      #expect(line.contains("the loss's gradient is -(1 - p) times"))
    }
    var second = TrakBuilder()
    second.name = "trak/1"
    second.flags = [1, 1, 0, 0, 0]
    try second.write(to: folder)
    #expect(
      throws: GradientStoreError.incomplete(path: folder.file("trak/1").path, committedRows: 2)
    ) {
      try GradientStore(opening: folder.file("trak/1"))
    }
    let begun = try GradientStore(opening: folder.file("trak/1"), allowingIncomplete: true)
    try expect(begun, holds: Sample(rows: 2, [("gradients", [3])]))
    #expect(try begun.probabilities()?.values.count == 2)
  }

  /// An index of bergson with what it says of itself.
  private func writeIndex(_ configuration: String?, isFinished: Bool = true) throws -> URL {
    let url = try folder.writeIndex("index", Malformed.sample)
    if let configuration { try folder.write(configuration, to: "index/config.yaml") }
    if isFinished { try folder.write("projection_dim: null\n", to: "index/processor_config.yaml") }
    return url
  }

  @Test("What bergson's configuration says of an index is told")
  func bergson() throws {
    let plain = try #require(try GradientStore(opening: writeIndex(nil)).origin)
    #expect(plain.known.isEmpty && plain.unknown.count == 2)
    let text = """
      steps:
      - build:
          index_cfg:
            model: 'models/tiny'
            data:
              dataset: texts.jsonl
            projection_dim: 16
            projection_type: rademacher
            projection_seed: null
            optimizer_state: ''
            loss_fn: ce
            loss_reduction: sum
          preprocess_cfg:
            unit_normalize: true
            hessian_path: h/e
            aggregation: mean
      """
    let origin = try #require(try GradientStore(opening: writeIndex(text)).origin)
    #expect(
      origin.known == [
        "of the loss ce (sum over tokens) of models/tiny",
        "projected (rademacher, 16, seed not given)", "every row has length 1",
        "preconditioned with h/e", "rows are aggregated (mean)",
      ])
    let changed = text.replacing("projection_dim: 16", with: "projection_dim: 0")
      .replacing("unit_normalize: true", with: "unit_normalize: false")
      .replacing("hessian_path: h/e", with: "hessian_path: null")
      .replacing("optimizer_state: ''", with: "optimizer_state: adam")
      .replacing("aggregation: mean", with: "aggregation: none")
    let other = try #require(try GradientStore(opening: writeIndex(changed)).origin)
    #expect(
      other.known.dropFirst() == [
        "not projected", "rows are not normalised", "not preconditioned",
        "divided by the optimizer's moments in adam",
      ])
  }

  @Test("An index that bergson is still writing is told by what is missing")
  func unfinished() throws {
    let url = try writeIndex("steps:\n", isFinished: false)
    let error = #expect(throws: GradientStoreError.self) { try GradientStore(opening: url) }
    #expect("\(try #require(error))".contains("processor_config.yaml"))
    try expect(GradientStore(opening: url, allowingIncomplete: true), holds: Malformed.sample)
  }

  @Test("Indexes of bergson's versions before 1.0 say their type by the records' formats")
  func records() throws {
    let url = try folder.writeIndex("index", Malformed.sample)
    let old =
      #"{"num_grads": 3, "grad_sizes": {"a": 2, "b": 3}, "dtype": {"formats": ["(2,)<f4", "(3,)<f4"], "itemsize": 20}}"#
    try folder.write(old, to: "index/info.json")
    try expect(GradientStore(opening: url), holds: Malformed.sample)
    for (part, other) in [("20}", "24}"), ("(3,)<f4", "(3,)<f2"), ("(3,)<f4", "<f4\", \"|b1")] {
      try folder.write(old.replacing(part, with: other), to: "index/info.json")
      #expect(throws: GradientStoreError.self) { try GradientStore(opening: url) }
    }
  }

  static let refusals: [Malformed] = [
    Malformed("scores of kronfluence", "inconsistent", "kronfluence", "scores") {
      try $0.write("{}", to: "d/score_arguments.json")
      try $0.write("{}", to: "d/factor_arguments.json")
      try $0.writeTensors(
        "d/pairwise_scores.safetensors", [("all_modules", "F32", [1], [0, 0, 0, 0])])
      return $0.file("d")
    },
    Malformed("factors of kronfluence", "inconsistent", "kronfluence", "curvature") {
      try $0.write("{}", to: "d/factor_arguments.json")
      try $0.writeTensors("d/lambda_matrix.safetensors", [("m", "F32", [1], [0, 0, 0, 0])])
      return $0.file("d")
    },
    Malformed("scores of bergson", "inconsistent", "bergson", "scores") {
      try $0.write(#"{"num_scores": 2, "num_rows": 3}"#, to: "d/info.json")
      return $0.file("d")
    },
    Malformed("scores of LoRIF", "inconsistent", "LoRIF", "scores") {
      try $0.write(#"{"format": "lorif-scores"}"#, to: "d/manifest.json")
      return $0.file("d")
    },
    Malformed("a curvature of LoRIF", "inconsistent", "LoRIF", "curvature") {
      try $0.write(#"{"format": "lorif-curvature-index"}"#, to: "d/manifest.json")
      return $0.file("d")
    },
    Malformed("epochs of a training", "inconsistent", "same examples", "open one") {
      for epoch in 0..<2 { try $0.writeIndex("d/epoch_\(epoch)", Malformed.sample) }
      return $0.file("d")
    },
    Malformed("a Hessian of bergson", "inconsistent", "bergson", "index") {
      try $0.write(TorchBuilder([1, 2, 3, 4], shape: [2, 2]).bytes, to: "d/hessians.pth")
      return $0.file("d/hessians.pth")
    },
    Malformed("a folder of bergson's Hessians", "inconsistent", "bergson", "index") {
      try $0.write(TorchBuilder([1, 2, 3, 4], shape: [2, 2]).bytes, to: "d/hessians.pth")
      try $0.write("projection_dim: null\n", to: "d/processor_config.yaml")
      return $0.file("d")
    },
    Malformed("LoRIF's shards without a manifest", "inconsistent", "LoRIF", "manifest.json") {
      let url = try LorifBuilder().write(to: $0)
      try FileManager.default.removeItem(at: $0.file("d/manifest.json"))
      return url
    },
    Malformed("a layer's shards of LoRIF", "inconsistent", "LoRIF", "manifest.json") {
      try LorifBuilder().write(to: $0)
      return $0.file("d/layers/layer-0000")
    },
    trak("losses cut short", "byteCountMismatch", "out_to_loss.mmap") { folder in
      let url = try TrakBuilder().write(to: folder)
      try folder.write(
        folder.bytes("trak/0/out_to_loss.mmap").dropLast(), to: "trak/0/out_to_loss.mmap")
      return url
    },
    trak("gradients without a header", "wrongFormat", "grads.mmap") { folder in
      let url = try TrakBuilder().write(to: folder)
      try folder.write([UInt8](repeating: 0, count: 30), to: "trak/0/grads.mmap")
      return url
    },
    trak("a folder in place of gradients", "notRegularFile", "grads.mmap") { folder in
      let url = try TrakBuilder().write(to: folder)
      try FileManager.default.removeItem(at: folder.file("trak/0/grads.mmap"))
      try folder.write("", to: "trak/0/grads.mmap/file")
      return url
    },
    trak("checkpoints of TRAK", "inconsistent", "\"0\", \"1\"") { folder in
      var builder = TrakBuilder()
      builder.name = "trak/1"
      try builder.write(to: folder)
      try TrakBuilder().write(to: folder)
      return folder.file("trak")
    },
    trak("TRAK's gradients removed", "inconsistent", "grads.mmap") { folder in
      let url = try TrakBuilder().write(to: folder)
      try FileManager.default.removeItem(at: folder.file("trak/0/grads.mmap"))
      return url
    },
    changed("rows of TRAK missing in between", "inconsistent", "row 1") {
      $0.flags = [1, 0, 1, 1, 1]
    },
    changed("too few flags", "inconsistent", "4 rows") { $0.flags = [1, 1, 1, 1] },
    changed("too many losses", "inconsistent", "6 rows") { $0.losses = 6 },
    changed("another run's columns", "inconsistent", "3 columns", "says 4") {
      $0.settings = #"{"JL dimension": 4, "JL matrix type": "normal"}"#
    },
    trak("settings that are no JSON", "malformedJSON", "metadata.json") { folder in
      try TrakBuilder(settings: "{").write(to: folder)
      return folder.file("trak")
    },
    changed("no rows computed", "incomplete", "0 rows") { $0.flags = [0, 0, 0, 0, 0] },
    trak("flags cut short", "byteCountMismatch", "_is_featurized.mmap") { folder in
      let url = try TrakBuilder().write(to: folder)
      try folder.write(
        folder.bytes("trak/0/_is_featurized.mmap").dropLast(), to: "trak/0/_is_featurized.mmap")
      return url
    },
    trak("flags of floating point", "unsupportedElementType", "<f4") { folder in
      let url = try TrakBuilder().write(to: folder)
      try folder.writeArray(
        "trak/0/_is_featurized.mmap", descriptor: "<f4", shape: [5],
        [UInt8](repeating: 0, count: 20))
      return url
    },
    trak("gradients cut short", "byteCountMismatch", "grads.mmap") { folder in
      let url = try TrakBuilder().write(to: folder)
      try folder.write(folder.bytes("trak/0/grads.mmap").dropLast(), to: "trak/0/grads.mmap")
      return url
    },
    trak("gradients as integers", "invalidBlock", "grads.mmap") { folder in
      let url = try TrakBuilder().write(to: folder)
      try folder.writeArray(
        "trak/0/grads.mmap", descriptor: "<i4", shape: [5, 3], [UInt8](repeating: 0, count: 60))
      return url
    },
    trak("gradients without columns", "unrecognised", "no columns") { folder in
      let url = try TrakBuilder().write(to: folder)
      try folder.writeArray("trak/0/grads.mmap", descriptor: "<f4", shape: [5, 0], [])
      try folder.write("{}", to: "trak/metadata.json")
      return url
    },
    trak("gradients of three dimensions", "invalidBlock", "matrix") { folder in
      let url = try TrakBuilder().write(to: folder)
      try folder.writeArray(
        "trak/0/grads.mmap", descriptor: "<f2", shape: [5, 3, 1], [UInt8](repeating: 0, count: 30))
      return url
    },
  ]

  private static func trak(
    _ description: String, _ error: String, _ words: String...,
    make: @escaping @Sendable (TemporaryDirectory) throws -> URL
  ) -> Malformed { Malformed("TRAK: " + description, error, words, make) }

  private static func changed(
    _ description: String, _ error: String, _ words: String...,
    change: @escaping @Sendable (inout TrakBuilder) -> Void
  ) -> Malformed {
    Malformed("TRAK: " + description, error, words) { folder in
      var builder = TrakBuilder()
      change(&builder)
      return try builder.write(to: folder)
    }
  }

  @Test("What is no store of gradients, or damaged, is refused by its name", arguments: refusals)
  func refused(_ malformed: Malformed) throws {
    let url = try malformed.make(folder)
    let error = #expect(throws: (any Error).self) { try GradientStore(opening: url) }
    expect(
      try #require(error), is: malformed.error, about: url.path, mentioning: malformed.words)
  }
}
