import Foundation
import LinearAlgebra
import TestSupport

/// A cache of dattri-LLM with one file of two records, of two and one examples, any part of which can be made wrong.
///
/// Factors are of one token and one input, 2, so that a row is twice the output gradient.
struct DattriLLMBuilder {
  var settings = #"{"format": 2, "sample_id_key": null, "gradient_accumulation_steps": 1}"#
  var log =
    #"{"file":"rank_0/batch_000000.mmap","records":[{"idx":0,"step":0,"hashes":["x","y"]},{"idx":1,"step":1,"hashes":["x"]}]}"#
    + "\n"
  /// Changes a layer's entry of the dictionary.
  var change: (_ record: Int, _ layer: inout [(String, TorchBuilder.Value)]) -> Void = { _, _ in }
  var changePart: (_ part: inout [(String, TorchBuilder.Value)]) -> Void = { _ in }
  var format = 2
  var kind = "nn.Linear"
  var indexing = "batch_token"
  var name = "a"
  var left = 0

  static let sample = Sample(rows: 3, [("a", [3, 1])])

  @discardableResult
  func write(to folder: TemporaryDirectory) throws -> URL {
    var bytes: [UInt8] = []
    func part(_ numbers: [Float], _ shape: [Int]) -> TorchBuilder.Value {
      let data = numbers.flatMap { Bytes.littleEndian($0.bitPattern) }
      var members: [(String, TorchBuilder.Value)] = [
        ("byte_off", .integer(bytes.count)), ("nbytes", .integer(data.count)),
        ("shape", .list(shape.map { .integer($0) })), ("dtype", .text("float32")),
      ]
      changePart(&members)
      bytes += data + [UInt8](repeating: 0, count: (8 - data.count % 8) % 8)
      return .dictionary(members)
    }
    let records = [0..<2, 2..<3].enumerated().map { index, rows -> TorchBuilder.Value in
      let numbers = Self.sample.matrix(rows: rows, columns: 0..<3, as: Double.self)
      var layer: [(String, TorchBuilder.Value)] = [
        ("kind", .text("factorized")),
        (
          "parts",
          .dictionary([
            ("activation", part([Float](repeating: 2, count: rows.count), [rows.count, 1, 1])),
            (
              "pre_activation_grad",
              part(numbers.elements.map { Float($0) / 2 }, [rows.count, 1, 3])
            ),
          ])
        ),
        ("module_kwargs", .dictionary([("has_bias", .truth(false))])),
        ("batch_first", .truth(true)),
      ]
      change(index, &layer)
      return .dictionary([
        ("layer_types", .dictionary([(name, .text(kind))])),
        ("indexing", .dictionary([(name, .text(indexing))])),
        ("layers", .dictionary([(name, .dictionary(layer))])),
      ])
    }
    let meta = TorchBuilder(
      .dictionary([("format", .integer(format)), ("records", .list(records))]))
    try folder.write(meta.bytes, to: "d/rank_0/batch_000000.mmap.meta")
    try folder.write(bytes.dropLast(left), to: "d/rank_0/batch_000000.mmap.bin")
    try folder.write(settings, to: "d/rank_0/index_meta.json")
    try folder.write(log, to: "d/rank_0/index.jsonl")
    return folder.file("d")
  }
}
