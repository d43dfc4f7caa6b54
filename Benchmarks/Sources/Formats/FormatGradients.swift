import Foundation
import InfluenceKit

/// The same seeded gradients as stores of several types, made once.
enum FormatGradients {
  /// The training gradients in one type.
  static func store(_ type: ElementType, _ count: Int, of run: Formats) throws -> GradientStore {
    try made(type.name, as: type, rows: run.rows, stream: 1, of: run)
  }

  /// The queries, in float32.
  static func queries(_ count: Int, of run: Formats) throws -> GradientStore {
    try made("query-\(count)", as: .float32, rows: count, stream: 2, of: run)
  }

  private static func made(
    _ name: String, as type: ElementType, rows: Int, stream: UInt64, of run: Formats
  ) throws -> GradientStore {
    let folder = URL(filePath: run.data)
      .appending(path: "n\(run.rows)-b\(run.blocks)-d\(run.columns)")
    let url = folder.appending(path: name)
    if let known = try? GradientStore(opening: url) { return known }
    try? FileManager.default.removeItem(at: url)
    let names = (0..<run.blocks).map { "layers.\($0 / 10)\($0 % 10).weight" }
    let writer = try GradientStoreWriter(
      creating: url, layout: BlockLayout(names.map { ($0, [run.columns]) }), elementType: type)
    try writer.append(
      (0..<run.blocks).map {
        gradients(rows, run.columns, block: UInt64($0), stream: stream)
      })
    try writer.finish()
    return try GradientStore(opening: url)
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
