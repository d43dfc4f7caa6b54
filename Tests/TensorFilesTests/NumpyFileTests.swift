import Foundation
import LinearAlgebra
import TensorFiles
import Testing

struct NumpyFileTests {
  private let expected: [Float] = [-2.5, -1.5, -0.5, 0.5, 1.5, 2.5]

  @Test(
    "files that numpy wrote, in every version and order",
    arguments: [
      NumpyFixture.singles, NumpyFixture.fortranDoubles, NumpyFixture.halvesVersion2,
      NumpyFixture.singlesVersion3,
    ])
  func numpyMatrices(bytes: [UInt8]) throws {
    let folder = try TemporaryFolder()
    let file = try NumpyFile(opening: folder.file(bytes))
    #expect(file.shape == [2, 3])
    #expect(file.dataOffset.isMultiple(of: 64))
    #expect(try file.matrix() == Matrix<Float>(rows: 2, columns: 3, elements: expected))
    #expect(try file.matrix().elements == expected.map(Double.init))
    #expect(
      try file.matrix(rows: 1..<2) == Matrix<Float>(rows: 1, columns: 3, elements: [0.5, 1.5, 2.5]))
    #expect(try file.matrix(as: Float.self, rows: 1..<1).rows == 0)
    #expect(throws: TensorFileError.self) { _ = try file.matrix(as: Float.self, rows: 1..<3) }
    #expect(throws: TensorFileError.self) { _ = try file.integers() }
    if file.isFortranOrder {
      #expect(throws: TensorFileError.self) { _ = try file.view(as: Double.self) }
    } else if file.elementType == .float32 {
      #expect(try Matrix(file.view(as: Float.self)).elements == expected)
      #expect(throws: TensorFileError.self) { _ = try file.view(as: Double.self) }
    }
  }

  @Test("vectors, scalars, more dimensions, integers and empty arrays of numpy")
  func otherShapes() throws {
    let folder = try TemporaryFolder()
    func open(_ bytes: [UInt8]) throws -> NumpyFile { try NumpyFile(opening: folder.file(bytes)) }
    #expect(
      try open(NumpyFixture.vector).matrix()
        == Matrix<Float>(rows: 3, columns: 1, elements: [1, 2, 3]))
    #expect(
      try open(NumpyFixture.scalar).matrix()
        == Matrix<Double>(rows: 1, columns: 1, elements: [7.25]))
    #expect(
      try open(NumpyFixture.cube).matrix()
        == Matrix<Float>(rows: 2, columns: 6, elements: (0..<12).map(Float.init)))
    #expect(
      try open(NumpyFixture.empty).matrix() == Matrix<Float>(rows: 0, columns: 3, elements: []))
    #expect(try open(NumpyFixture.integers).integers() == [0, 5, -7])
    #expect(try open(NumpyFixture.shortIntegers).integers() == [1, -2])
    #expect(throws: TensorFileError.self) {
      _ = try open(NumpyFixture.integers).matrix(as: Float.self)
    }
  }

  @Test("a large Fortran-order matrix is transposed")
  func largeFortranOrder() throws {
    let (rows, columns) = (70, 45)
    let header = "{'descr':'<f4','fortran_order':True,'shape':(\(rows),\(columns))}"
    let data = (0..<rows * columns).map { Float($0).bitPattern }
    let folder = try TemporaryFolder()
    let file = try NumpyFile(opening: folder.file(numpyFile(header, data: bytes(data))))
    let matrix: Matrix<Double> = try file.matrix()
    for row in 0..<rows {
      for column in 0..<columns { #expect(matrix[row, column] == Double(column * rows + row)) }
    }
    #expect(try Matrix(matrix.view[rows: 33..<50]) == file.matrix(rows: 33..<50))
    // Element (i, j, k) of a 2 × 3 × 2 array is the (i + 2j + 6k)-th number; a row is i, in C order of j and k.
    let cube = "{'descr':'<f4','fortran_order':True,'shape':(2,3,2)}"
    let numbers = (0..<12).map { Float($0).bitPattern }
    let cubeFile = try NumpyFile(opening: folder.file(numpyFile(cube, data: bytes(numbers))))
    let slices: Matrix<Double> = try cubeFile.matrix()
    #expect(slices.rows == 2 && slices.columns == 6)
    for row in 0..<2 {
      for j in 0..<3 {
        for k in 0..<2 { #expect(slices[row, 2 * j + k] == Double(row + 2 * j + 6 * k)) }
      }
    }
  }

  @Test(
    "headers that are unusual but right",
    arguments: [
      "{'shape':(2,),'fortran_order':False,'descr':'=f2'}",
      "{\"descr\": \"|f2\", 'shape': (2,), 'fortran_order': True}  \n",
      " { 'descr' : 'f2' , 'fortran_order' : False , 'shape' : ( 2 , ) , } ",
      "{'descr': '<f2', 'fortran_order': False, 'shape': (2, 1,)}",
    ])
  func unusualHeaders(header: String) throws {
    let folder = try TemporaryFolder()
    for version: [UInt8] in [[1, 0], [2, 0], [3, 0]] {
      let file = try NumpyFile(
        opening: folder.file(numpyFile(header, data: [0, 0x3c, 0, 0x40], version: version)))
      #expect(try file.matrix() == Matrix<Float>(rows: 2, columns: 1, elements: [1, 2]))
    }
  }

  @Test("what is written is read back", arguments: [ElementType.float16, .float32, .float64])
  func roundTrip(type: ElementType) throws {
    let folder = try TemporaryFolder()
    for (rows, columns) in [(1, 1), (3, 5), (0, 4), (4, 0), (300, 130)] {
      let matrix = Matrix<Double>(
        rows: rows, columns: columns, elements: (0..<rows * columns).map { Double($0 % 512) / 4 })
      try NumpyFile.write(matrix, to: folder["a.npy"], as: type)
      let file = try NumpyFile(opening: folder["a.npy"])
      #expect(file.elementType == type)
      #expect(file.dataOffset.isMultiple(of: 64))
      #expect(try file.matrix() == matrix)
      #expect(try file.matrix() == Matrix<Float>(converting: matrix))
    }
    try NumpyFile.write([1, 2, 3] as [Float], to: folder["v.npy"], as: type)
    #expect(try NumpyFile(opening: folder["v.npy"]).shape == [3])
    try NumpyFile.write([3, -4], to: folder["i.npy"])
    #expect(try NumpyFile(opening: folder["i.npy"]).integers() == [3, -4])
    #expect(try folder.names == ["a.npy", "i.npy", "v.npy"])
    #expect(throws: TensorFileError.self) {
      try NumpyFile.write([1] as [Float], to: folder["b.npy"], as: .bfloat16)
    }
  }

  @Test("what numpy.save writes is written byte for byte")
  func sameBytesAsNumpy() throws {
    let folder = try TemporaryFolder()
    let matrix = Matrix<Float>(rows: 2, columns: 3, elements: expected)
    try NumpyFile.write(matrix, to: folder["a.npy"])
    #expect(try Data(contentsOf: folder["a.npy"]) == Data(NumpyFixture.singles))
    try NumpyFile.write([1, 2, 3] as [Float], to: folder["v.npy"])
    #expect(try Data(contentsOf: folder["v.npy"]) == Data(NumpyFixture.vector))
    try NumpyFile.write([0, 5, -7], to: folder["i.npy"])
    #expect(try Data(contentsOf: folder["i.npy"]) == Data(NumpyFixture.integers))
  }
}
