import Foundation
import LinearAlgebra
import OrderedCollections
import TensorFiles
import Testing

struct SafetensorsFileTests {
  @Test("what is written is read back, in order", arguments: ElementType.floatingPoint)
  func roundTrip(type: ElementType) throws {
    let folder = try TemporaryFolder()
    let matrices: OrderedDictionary<String, Matrix<Float>> = [
      "z": Matrix(rows: 2, columns: 3, elements: [1, 2, 3, -4, 5, 6]),
      "empty": Matrix(rows: 0, columns: 7, elements: []),
      "a.é": Matrix(rows: 300, columns: 200, elements: (0..<60_000).map { Float($0 % 128) }),
    ]
    let metadata: OrderedDictionary<String, String> = ["format": "pt", "a": "\"quoted\""]
    try SafetensorsFile.write(matrices, to: folder["t"], as: type, metadata: metadata)
    let file = try SafetensorsFile(opening: folder["t"])
    #expect(file.tensors.keys == ["z", "empty", "a.é"])
    #expect(file.metadata == metadata)
    for (name, matrix) in matrices.elements {
      #expect(file.tensors[name]?.elementType == type)
      #expect(file.tensors[name]?.shape == [matrix.rows, matrix.columns])
      #expect(try file.matrix(name) == matrix)
      #expect(try file.matrix(name) == Matrix<Double>(converting: matrix))
    }
    if type == .float32 {
      #expect(try Matrix(file.view("z", as: Float.self)) == matrices["z"])
    } else {
      #expect(throws: TensorFileError.self) { _ = try file.view("z", as: Float.self) }
    }
    #expect(throws: TensorFileError.self) { _ = try file.matrix("none", as: Float.self) }
    #expect(try folder.names == ["t"])
  }

  /// The header as `safetensors.torch.save_file` writes it, keys sorted by element size.
  @Test("tensors of several types and shapes, in the order of their bytes")
  func mixedFile() throws {
    let folder = try TemporaryFolder()
    let header = """
      {"__metadata__":{"format":"pt"},\
      "late":{"dtype":"BF16","shape":[2],"data_offsets":[13,17]},\
      "ids":{"dtype":"I64","shape":[1,1],"data_offsets":[0,8]},\
      "none":{"dtype":"F32","shape":[3,0],"data_offsets":[8,8]},\
      "odd":{"dtype":"U8","shape":[1],"data_offsets":[8,9]},\
      "single":{"data_offsets":[9,13],"shape":[],"dtype":"F32"},\
      "four":{"dtype":"F4","shape":[3],"data_offsets":[17,19]}}   
      """
    let data: [UInt8] =
      [9, 0, 0, 0, 0, 0, 0, 0] + [7] + bytes([Float(2.5).bitPattern])
      + bytes([UInt16(0x3f80), 0xbf80]) + [0, 0]
    let file = try SafetensorsFile(opening: folder.file(safetensorsFile(header, data: data)))
    #expect(file.tensors.keys == ["ids", "none", "odd", "single", "late", "four"])
    #expect(file.tensors["ids"]?.elementTypeName == "I64")
    #expect(file.tensors["ids"]?.elementType == nil)
    #expect(try file.matrix("single") == Matrix<Float>(rows: 1, columns: 1, elements: [2.5]))
    #expect(try file.matrix("late") == Matrix<Double>(rows: 2, columns: 1, elements: [1, -1]))
    #expect(try file.matrix("none") == Matrix<Float>(rows: 3, columns: 0, elements: []))
    let error = #expect(throws: TensorFileError.self) {
      _ = try file.matrix("ids", as: Float.self)
    }
    #expect(error?.description.contains("I64") == true)
    #expect(throws: TensorFileError.self) { _ = try file.view("single", as: Float.self) }
  }

  @Test("a file without tensors")
  func noTensors() throws {
    let folder = try TemporaryFolder()
    #expect(try SafetensorsFile(opening: folder.file(safetensorsFile("{}"))).tensors.isEmpty)
    try SafetensorsFile.write([:] as OrderedDictionary<String, Matrix<Double>>, to: folder["t"])
    #expect(try SafetensorsFile(opening: folder["t"]).tensors.isEmpty)
  }

  @Test("tensors are written in pieces, and only whole")
  func streaming() throws {
    let folder = try TemporaryFolder()
    let tensors: [SafetensorsWriter.Declaration] = [
      .init(name: "none", elementType: .float64, shape: [0, 5]),
      .init(name: "a", elementType: .float64, shape: [2, 2]),
      .init(name: "b", elementType: .float16, shape: []),
    ]
    func write(_ pieces: [[Float]]) throws {
      var writer = try SafetensorsWriter(at: folder["t"], tensors: tensors)
      for piece in pieces { try writer.append(piece.span) }
      try writer.commit()
    }
    let incomplete: [[[Float]]] = [
      [], [[1, 2, 3]], [[1, 2, 3, 4]], [[1, 2, 3, 4, 5]], [[1, 2, 3, 4], [5], [6]],
    ]
    for pieces in incomplete {
      #expect(throws: TensorFileError.self, "\(pieces)") { try write(pieces) }
      #expect(try folder.names.isEmpty)
    }
    try write([[1], [2, 3], [], [4], [5]])
    let file = try SafetensorsFile(opening: folder["t"])
    #expect(try file.matrix("a", as: Float.self).elements == [1, 2, 3, 4])
    #expect(try file.matrix("b", as: Float.self).elements == [5])
    #expect(file.tensors["a"]?.byteRange.lowerBound.isMultiple(of: 8) == true)
  }

  @Test("declarations without meaning are refused")
  func declarations() throws {
    let folder = try TemporaryFolder()
    let shapes: [[(String, [Int])]] = [
      [("a", [1]), ("a", [1])], [("__metadata__", [1])], [("a", [-1])],
      [("a", [1 << 40, 1 << 40])],
      [("a", [1 << 60]), ("b", [1 << 60]), ("c", [1 << 60])],
    ]
    for tensors in shapes {
      #expect(throws: TensorFileError.self) {
        _ = try SafetensorsWriter(
          at: folder["t"],
          tensors: tensors.map { .init(name: $0.0, elementType: .float32, shape: $0.1) })
      }
    }
    #expect(try folder.names.isEmpty)
  }
}
