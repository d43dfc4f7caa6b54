import Foundation
import Gradients
import LinearAlgebra
import TensorFiles
import TestSupport
import Testing

/// Expects a store to hold a sample: all rows, every pair of neighbouring rows, and parts of rows,
/// in both types.
func expect(
  _ store: GradientStore, holds sample: Sample, firstRow: Int = 0,
  sourceLocation: SourceLocation = #_sourceLocation
) throws {
  #expect(store.count == sample.rows, sourceLocation: sourceLocation)
  #expect(
    store.layout.blocks.map(\.name) == sample.parameters.map(\.name), sourceLocation: sourceLocation
  )
  #expect(store.layout.columnCount == sample.width, sourceLocation: sourceLocation)
  guard store.count == sample.rows, store.layout.columnCount == sample.width else { return }
  for block in sample.parameters.indices {
    #expect(store.layout.blocks[block].columns == sample.columns(block))
    var ranges = [0..<sample.rows, 0..<0, sample.rows..<sample.rows]
    ranges += (0..<max(sample.rows, 1) - 1).map { $0..<$0 + 2 }
    for rows in ranges {
      try expect(store, sample, block, rows, nil, firstRow, Float.self, sourceLocation)
      try expect(store, sample, block, rows, nil, firstRow, Double.self, sourceLocation)
      let width = sample.parameters[block].width
      let part = width / 2..<width
      try expect(store, sample, block, rows, part, firstRow, Float.self, sourceLocation)
      try expect(store, sample, block, rows, part, firstRow, Double.self, sourceLocation)
    }
  }
}

private func expect<Element: Scalar>(
  _ store: GradientStore, _ sample: Sample, _ block: Int, _ rows: Range<Int>,
  _ columns: Range<Int>?, _ firstRow: Int, _ type: Element.Type, _ sourceLocation: SourceLocation
) throws {
  let found = Matrix(try store.rows(rows, of: block, columns: columns, as: type))
  let start = sample.columns(block).lowerBound
  let part = columns ?? 0..<sample.parameters[block].width
  let expected = sample.matrix(
    rows: firstRow + rows.lowerBound..<firstRow + rows.upperBound,
    columns: start + part.lowerBound..<start + part.upperBound, as: type)
  #expect(
    found == expected, "block \(block), rows \(rows), columns \(part), \(type)",
    sourceLocation: sourceLocation)
}

/// The name of an error's case: `invalidField`.
func caseName(_ error: any Error) -> String {
  Mirror(reflecting: error).children.first?.label ?? "\(error)"
}

/// Expects an error of ours whose message names the path and the field, and says what to do, on one
/// line.
func expect(
  _ error: any Error, is name: String, about path: String, mentioning words: [String],
  sourceLocation: SourceLocation = #_sourceLocation
) {
  #expect(
    error is GradientStoreError || error is TensorFileError, "\(error)",
    sourceLocation: sourceLocation)
  let message = "\(error)"
  #expect(caseName(error) == name, "\(message)", sourceLocation: sourceLocation)
  for word in [path] + words {
    #expect(message.contains(word), sourceLocation: sourceLocation)
  }
  #expect(
    message.split(separator: ";").count > 1, "no remedy: \(message)",
    sourceLocation: sourceLocation)
  #expect(
    !message.unicodeScalars.contains { $0.properties.generalCategory == .control },
    sourceLocation: sourceLocation)
}
