import Foundation
import LinearAlgebra
import TensorFiles
import TestSupport

/// A folder of dattri with two chunks of three batches, any part of which can be made wrong.
struct DattriBuilder {
  var plan =
    #"{"batch_info":{"0":{"start_idx":0,"sample_count":2},"1":{"start_idx":2,"sample_count":2},"2":{"start_idx":4,"sample_count":1}},"layer_names":["a","b"],"layer_dims":[2,3],"total_proj_dim":5,"total_samples":5}"#
  var first =
    #"{"storage_dtype":"float32","shape":[3,5],"batches":[{"batch_idx":2,"start_row":0,"end_row":1},{"batch_idx":1,"start_row":1,"end_row":3}]}"#
  var second =
    #"{"storage_dtype":"uint16","shape":[2,5],"batches":[{"batch_idx":0,"start_row":0,"end_row":2}]}"#
  var left = 0

  static let sample = Sample([("a", [2]), ("b", [3])])

  @discardableResult
  func write(to folder: TemporaryDirectory) throws -> URL {
    func numbers(_ rows: Range<Int>) -> Matrix<Double> {
      Self.sample.matrix(rows: rows, columns: 0..<5, as: Double.self)
    }
    try folder.write(plan, to: "d/batch_metadata.json")
    let chunk = Bytes.of(numbers(4..<5), as: .float32) + Bytes.of(numbers(2..<4), as: .float32)
    try folder.write(chunk.dropLast(left), to: "d/grad/chunk_gradients_1_2.mmap")
    try folder.write(first, to: "d/grad/chunk_gradients_1_2_metadata.json")
    try folder.write(
      Bytes.of(numbers(0..<2), as: .bfloat16), to: "d/grad/chunk_gradients_0_0.mmap")
    try folder.write(second, to: "d/grad/chunk_gradients_0_0_metadata.json")
    return folder.file("d")
  }
}

/// A folder of logix of two ranks, any part of which can be made wrong.
struct LogixBuilder {
  var type = "float32"
  var change: (_ text: String) -> String = { $0 }
  var left = 0

  static let sample = Sample([("a", [2, 2]), ("b", [3])])

  @discardableResult
  func write(to folder: TemporaryDirectory) throws -> URL {
    for (name, rows) in [("1_chunk_0", 4..<5), ("0_chunk_10", 2..<4), ("0_chunk_2", 0..<2)] {
      let numbers = Self.sample.matrix(rows: rows, columns: 0..<7, as: Double.self)
      try folder.write(
        Bytes.of(numbers, as: .float32).dropLast(left), to: "d/log_rank_\(name).mmap")
      let entries = rows.enumerated().map { place, row in
        #"{"data_id": "id \#(row)", "path": [["a", "grad"], ["b", "grad"]], "offset": \#(place * 28), "shape": [[2, 2], [3]], "block_size": 7, "dtype": "\#(type)"}"#
      }
      try folder.write(
        change("[\(entries.joined(separator: ", "))]"), to: "d/log_rank_\(name)_metadata.json")
    }
    return folder.file("d")
  }
}

/// A folder of LoRIF with two shards, any part of which can be made wrong.
struct LorifBuilder {
  var manifest =
    #"{"format": "lorif-factors", "format_version": 1, "num_examples": 5, "layers": [{"name": "b", "path": "layers/layer-0000", "factor_rank": 1, "projected_input_dim": 1, "projected_output_dim": 3}], "shards": [{"index": 0, "start": 0, "end": 3}, {"index": 1, "start": 3, "end": 5}], "metadata": {"projection_seed": 7, "loss": "causal_cross_entropy"}}"#
  var inputs = 1

  static let sample = Sample([("b", [3])])

  @discardableResult
  func write(to folder: TemporaryDirectory) throws -> URL {
    try folder.write(manifest, to: "d/manifest.json")
    for (shard, rows) in [0..<3, 3..<5].enumerated() {
      let numbers = Self.sample.matrix(rows: rows, columns: 0..<3, as: Double.self)
      let left = [Float](repeating: 2, count: rows.count * inputs)
      let right = numbers.elements.map { Float($0) / 2 }
      let builder = TorchBuilder(
        .dictionary([
          ("left", .floats(left, [rows.count, inputs, 1])),
          ("right", .floats(right, [rows.count, 3, 1])),
        ]))
      try folder.write(builder.bytes, to: "d/layers/layer-0000/shard-0000\(shard).pt")
    }
    return folder.file("d")
  }
}
