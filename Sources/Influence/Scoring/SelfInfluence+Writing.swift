import LinearAlgebra
import TensorFiles

extension SelfInfluence {
  /// Writes the values, or the shares of blocks where there are any, example after example.
  func write(into file: RecordedFile, record: OrderedJSON) throws {
    try file.commit(prepare(for: file), record: record)
  }

  /// The file of the values or shares, to be committed.
  func prepare(for file: RecordedFile) throws -> AtomicFile {
    guard let shares else {
      let narrow = try file.narrowed(Matrix(rows: 1, columns: values.count, elements: values))
      return try NumpyFile.prepare(narrow.elements, at: file.url)
    }
    var writer = try NumpyWriter(
      at: file.url, rows: values.count, columns: shares.blocks.count)
    try writer.append(
      file.narrowed(
        Matrix(
          rows: values.count, columns: shares.blocks.count,
          elements: shares.interleaved().elements)))
    return writer.finish()
  }
}
