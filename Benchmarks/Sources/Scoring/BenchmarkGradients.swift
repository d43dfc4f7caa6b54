import Foundation
import InfluenceKit

/// Gradients for both sides, made once: as a store for us, as safetensors for PyTorch.
struct BenchmarkGradients {
  let train: URL
  let query: URL
  let trainTensors: URL
  let queryTensors: URL

  init(rows: Int, queries: Int, blocks: Int, columns: Int, directory: URL) throws {
    let folder = directory.appending(path: "n\(rows)-m\(queries)-b\(blocks)-d\(columns)")
    train = folder.appending(path: "train")
    query = folder.appending(path: "query")
    trainTensors = folder.appending(path: "train.safetensors")
    queryTensors = folder.appending(path: "query.safetensors")
    let names = (0..<blocks).map { "layers.\($0 / 10)\($0 % 10).weight" }
    if (try? GradientStore(opening: train)) != nil, (try? GradientStore(opening: query)) != nil,
      FileManager.default.fileExists(atPath: queryTensors.path)
    {
      return
    }
    try? FileManager.default.removeItem(at: folder)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    let layout = BlockLayout(names.map { ($0, [columns]) })
    for (count, store, tensors, stream) in [
      (rows, train, trainTensors, UInt64(1)), (queries, query, queryTensors, UInt64(2)),
    ] {
      let matrices = (0..<blocks).map {
        Self.gradients(count, columns, block: UInt64($0), stream: stream)
      }
      let writer = try GradientStoreWriter(creating: store, layout: layout)
      try writer.append(matrices)
      try writer.finish()
      var file = try SafetensorsWriter(
        at: tensors,
        tensors: names.map {
          SafetensorsWriter.Declaration(
            name: $0, elementType: .float32, shape: [count, columns])
        })
      for matrix in matrices { try file.append(matrix) }
      try file.commit()
    }
  }

  /// Rows of rank 16 plus noise; train and query share the directions of a block.
  private static func gradients(
    _ count: Int, _ columns: Int, block: UInt64, stream: UInt64
  ) -> Matrix<Float> {
    var shared = SeededGenerator(seed: block, stream: 7)
    var own = SeededGenerator(seed: block, stream: 100 + stream)
    let directions = Matrix<Float>.uniform(16, columns, in: -1..<1, using: &shared)
    let strengths = Matrix<Float>.normal(count, 16, deviation: 0.01, using: &own)
    var matrix = Matrix<Float>.uniform(count, columns, in: -0.01..<0.01, using: &own)
    matrix.add(product: strengths.view, directions.view)
    return matrix
  }
}
