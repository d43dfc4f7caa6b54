import Foundation
import LinearAlgebra
import TensorFiles
import TestSupport
import Testing

@Suite("An array written row by row")
struct NumpyWriterTests {
  @Test("is the file that writing it at once gives", arguments: [1, 3, 10])
  func sameBytes(_ batch: Int) throws {
    let folder = try TemporaryDirectory()
    var generator = SeededGenerator(seed: 5)
    let matrix = Matrix<Float>.normal(10, 7, using: &generator)
    try NumpyFile.write(matrix, to: folder.file("whole.npy"))
    var writer = try NumpyWriter(at: folder.file("rows.npy"), rows: 10, columns: 7)
    for first in stride(from: 0, to: 10, by: batch) {
      try writer.append(Matrix(matrix.view[rows: first..<min(10, first + batch)]))
    }
    #expect(!FileManager.default.fileExists(atPath: folder.file("rows.npy").path))
    try writer.commit()
    #expect(
      try Data(contentsOf: folder.file("rows.npy")) == Data(contentsOf: folder.file("whole.npy")))
  }

  @Test(
    "has as many dimensions as are asked for", arguments: [[4], [4, 6], [4, 2, 3], [4, 3, 1, 2]])
  func dimensions(_ shape: [Int]) throws {
    let folder = try TemporaryDirectory()
    let matrix = Matrix<Double>(
      rows: 4, columns: shape.dropFirst().reduce(1, *),
      elements: (0..<shape.reduce(1, *)).map(Double.init))
    var writer = try NumpyWriter(at: folder.file("a.npy"), shape: shape, elementType: .float64)
    #expect(writer.columns == matrix.columns)
    try writer.append(Matrix(matrix.view[rows: 0..<3]))
    try writer.append(Matrix(matrix.view[rows: 3..<4]))
    try writer.commit()
    let file = try NumpyFile(opening: folder.file("a.npy"))
    #expect(file.shape == shape && !file.isFortranOrder)
    #expect(try file.matrix(as: Double.self) == matrix)
  }

  @Test("leaves nothing without its commit")
  func dropped() throws {
    let folder = try TemporaryDirectory()
    do {
      var writer = try NumpyWriter(at: folder.file("rows.npy"), rows: 2, columns: 1)
      try writer.append(Matrix<Float>(repeating: 1, rows: 1, columns: 1))
    }
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).isEmpty)
  }

  @Test("refuses a type that numpy does not know")
  func brainFloat() throws {
    let folder = try TemporaryDirectory()
    #expect(throws: TensorFileError.self) {
      let writer = try NumpyWriter(
        at: folder.file("rows.npy"), rows: 0, columns: 1, elementType: .bfloat16)
      try writer.commit()
    }
  }
}
