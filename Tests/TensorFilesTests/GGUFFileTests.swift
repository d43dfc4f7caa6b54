import Foundation
import LinearAlgebra
import OrderedCollections
import TensorFiles
import TestSupport
import Testing

@Suite("GGUF files")
struct GGUFFileTests {
  private static func fixture(_ name: String) throws -> URL {
    try #require(Bundle.module.url(forResource: name, withExtension: nil, subdirectory: "Fixtures"))
  }

  /// The file and the numbers are from `scripts/oracles/checkpoints.py`: the gguf package's writer and dequantization.
  @Test("values of all types are what another program wrote")
  func values() throws {
    let file = try GGUFFile(opening: Self.fixture("quantized.gguf"))
    #expect(file.version == 3)
    let expected: [String: GGUFValue] = [
      "general.architecture": .string("test"), "value.uint8": .integer(200),
      "value.int8": .integer(-100), "value.uint16": .integer(60_000),
      "value.int16": .integer(-30_000), "value.uint32": .integer(4_000_000_000),
      "value.int32": .integer(-2_000_000_000), "value.uint64": .integer(.max),
      "value.int64": .integer(.min), "value.float32": .number(Double(Float(0.1))),
      "value.float64": .number(0.1), "value.bool": .boolean(true), "value.string": .string("é\n"),
      "value.strings": .strings(["a", "", "ü"]), "value.integers": .integers([1, -2, 3]),
      "value.numbers": .numbers([0.5, -0.25]), "value.booleans": .booleans([true, false]),
    ]
    #expect(Dictionary(uniqueKeysWithValues: file.metadata.map { ($0.key, $0.value) }) == expected)
  }

  @Test(
    "numbers are what the gguf package makes of the same blocks, to the last bit",
    arguments: ["F32", "F16", "BF16", "Q8_0", "Q4_0", "Q4_1"])
  func numbers(type: String) throws {
    let file = try GGUFFile(opening: Self.fixture("quantized.gguf"))
    let expected = try SafetensorsFile(opening: Self.fixture("quantized.safetensors"))
      .matrix(type, as: Float.self)
    let tensor = try #require(file.tensors[type])
    #expect(tensor.type.name == type && tensor.shape == [5, 96])
    #expect(expected.elements.contains { $0 != 0 })
    for first in 0...5 {
      for end in first...5 {
        let found = try file.matrix(type, rows: first..<end)
        let rows = Matrix<Float>(expected.view[rows: first..<end, columns: 0..<96])
        #expect(found == rows)
        #expect(found.elements.map(\.bitPattern) == rows.elements.map(\.bitPattern))
      }
    }
  }

  /// Blocks by their definition, one number at a time, in `Double`.
  private static func naive(_ type: UInt32, _ block: [UInt8]) -> [Double] {
    func half(_ place: Int) -> Double {
      let bits = Int(block[place]) | Int(block[place + 1]) << 8
      let (exponent, fraction) = (bits >> 10 & 31, Double(bits & 1023) / 1024)
      let size = exponent == 0 ? fraction * 0x1p-14 : (1 + fraction) * pow(2, Double(exponent - 15))
      return bits & 0x8000 == 0 ? size : -size
    }
    func four(_ index: Int, from start: Int) -> Double {
      Double(index < 16 ? block[start + index] & 15 : block[start + index - 16] >> 4)
    }
    return (0..<32).map { index in
      switch type {
      case 8: half(0) * Double(Int8(bitPattern: block[2 + index]))
      case 2: half(0) * (four(index, from: 2) - 8)
      default: half(0) * four(index, from: 4) + half(2)
      }
    }
  }

  @Test(
    "many rows, in pieces by several threads, are the blocks' definition",
    arguments: [(8, 34), (2, 18), (3, 20)] as [(UInt32, Int)])
  func manyRows(type: UInt32, blockBytes: Int) throws {
    let folder = try TemporaryFolder()
    var generator = SeededGenerator(seed: 3)
    let (rows, columns) = (700, 448)
    let blocks = (0..<rows * columns / 32).map { _ in
      var block = (0..<blockBytes).map { _ in UInt8(generator.index(below: 256)) }
      // No infinities and NaNs: the exponents of both factors stay below 31.
      for place in [1, 3] { block[place] &= 0xbf }
      return block
    }
    var builder = GGUFBuilder()
    builder.add("matrix", [rows, columns], type: type, bytes: blocks.flatMap(\.self))
    builder.add("vector", [64], type: type, bytes: blocks[0] + blocks[1])
    builder.add(
      "cube", [2, 3, 32], type: type, bytes: blocks[0..<6].flatMap(\.self))
    let file = try GGUFFile(opening: folder.file(builder.bytes))
    let expected = Matrix<Double>(
      rows: rows, columns: columns, elements: blocks.flatMap { Self.naive(type, $0) })
    let found = try file.matrix("matrix", rows: 0..<rows)
    // Each number is rounded twice at most.
    expectClose(found, expected, bound: .backward(order: 1, in: Float.self))
    #expect(
      try file.matrix("matrix", rows: 333..<700)
        == Matrix(found.view[rows: 333..<700, columns: 0..<columns]))
    #expect(try file.matrix("vector", rows: 0..<64).elements == Array(found.elements[0..<64]))
    #expect(try file.matrix("vector", rows: 31..<33).elements == Array(found.elements[31..<33]))
    #expect(try file.matrix("cube", rows: 1..<2).elements == Array(found.elements[96..<192]))
  }

  @Test("version 2, other alignments, arrays of arrays, tensors out of order and empty ones")
  func otherLayouts() throws {
    let folder = try TemporaryFolder()
    var builder = GGUFBuilder()
    builder.version = 2
    builder.alignment = 64
    builder.set("general.alignment", .uint32(64))
    let inner = GGUFBuilder.bytes(UInt32(5)) + GGUFBuilder.bytes(UInt64(1))
    builder.set(
      "nested",
      .raw(
        type: 9,
        bytes: GGUFBuilder.bytes(UInt32(9)) + GGUFBuilder.bytes(UInt64(2))
          + inner + GGUFBuilder.bytes(Int32(-7)) + inner + GGUFBuilder.bytes(Int32(8))))
    builder.add("a", [2, 3], [1, 2, 3, 4, 5, 6])
    builder.add("none", [0, 3], [])
    builder.add("b", [2], [7, 8])
    (builder.tensors[0].offset, builder.tensors[2].offset) = (64, 0)
    (builder.tensors[0].bytes, builder.tensors[2].bytes) = (
      builder.tensors[2].bytes, builder.tensors[0].bytes
    )
    builder.tensors[1].offset = 64
    let file = try GGUFFile(opening: folder.file(builder.bytes))
    #expect(file.version == 2)
    #expect(file.metadata["nested"] == .arrays([.integers([-7]), .integers([8])]))
    #expect(file.tensors.keys == ["a", "none", "b"])
    #expect(try file.matrix("a", rows: 0..<2).elements == [1, 2, 3, 4, 5, 6])
    #expect(try file.matrix("b", rows: 0..<2).elements == [7, 8])
    #expect(try file.matrix("none", rows: 0..<0).elements.isEmpty)
    #expect(throws: TensorFileError.self) { _ = try file.matrix("c", rows: 0..<0) }
  }

  @Test("types that are not read are listed, and asking for their numbers is an error")
  func unreadType() throws {
    let folder = try TemporaryFolder()
    var builder = GGUFBuilder()
    builder.add("k", [1, 256], type: 12, bytes: [UInt8](repeating: 0, count: 144))
    let file = try GGUFFile(opening: folder.file(builder.bytes))
    #expect(file.tensors["k"]?.type.name == "Q4_K")
    let error = #expect(throws: TensorFileError.self) { _ = try file.matrix("k", rows: 0..<1) }
    #expect(error?.description.contains("Q4_K") == true)
  }
}
