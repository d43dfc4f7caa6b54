import LinearAlgebra
import TensorFiles

extension SelfInfluence {
  /// Writes the values, or the shares of blocks where there are any, example after example.
  func write(into file: RecordedFile, record: OrderedJSON) throws {
    guard let shares else { return try file.write(vector: values, record: record) }
    var writer = try NumpyWriter(
      at: file.url, rows: values.count, columns: shares.blocks.count)
    try writer.append(
      file.narrowed(
        Matrix(
          rows: values.count, columns: shares.blocks.count,
          elements: shares.interleaved().elements)))
    try file.commit(writer.finish(), record: record)
  }
}
