import Foundation
import LinearAlgebra
import TensorFiles
import TestSupport
import Testing

@Suite("Files of torch.save")
struct TorchFileTests {
  let folder: TemporaryDirectory

  init() throws { folder = try TemporaryDirectory() }

  private func open(_ builder: TorchBuilder) throws -> TorchFile {
    let file = try TorchFile(opening: folder.write(builder.bytes, to: "a.pt"))
    return try #require(file)
  }

  private func tensor(_ builder: TorchBuilder) throws -> TorchTensor {
    guard case .tensor(let tensor) = try open(builder).value else {
      throw CocoaError(.fileReadCorruptFile)
    }
    return tensor
  }

  /// All numbers of a tensor, and a rectangle of them, as rows and columns.
  private func numbers(_ tensor: TorchTensor) throws -> [Double] {
    var all = Matrix<Double>.zeros(tensor.rows, tensor.columns)
    try tensor.read(
      rows: 0..<tensor.rows, columns: 0..<tensor.columns, into: &all, firstRow: 0)
    for row in 0..<tensor.rows {
      var part = Matrix<Double>.zeros(3, tensor.columns - tensor.columns / 2)
      try tensor.read(
        rows: row..<row + 1, columns: tensor.columns / 2..<tensor.columns, into: &part, firstRow: 1)
      #expect(Array(part[row: 1]) == Array(all[row: row].dropFirst(tensor.columns / 2)))
    }
    return all.elements
  }

  @Test("Numbers of every type, in archives of either size, by themselves or as a parameter")
  func types() throws {
    let types: [(String, [UInt8], [Double])] = [
      ("Float", [0, 0, 128, 63, 0, 0, 0, 192], [1, -2]),
      ("Double", [0, 0, 0, 0, 0, 0, 240, 63, 0, 0, 0, 0, 0, 0, 0, 192], [1, -2]),
      ("Half", [0, 60, 0, 192], [1, -2]), ("BFloat16", [128, 63, 0, 192], [1, -2]),
    ]
    for (type, bytes, expected) in types {
      for isLarge in [false, true] {
        var builder = TorchBuilder(.tensor(type: type, shape: [2], bytes: bytes))
        builder.isLarge = isLarge
        #expect(try numbers(tensor(builder)) == expected)
        builder.value = .parameter(builder.value)
        builder.version = 3
        #expect(try tensor(builder).mapped?.matrix(as: Double.self).elements == expected)
      }
    }
    let ids = try tensor(
      TorchBuilder(.tensor(type: "Long", shape: [1], bytes: [1] + [0, 0, 0, 0, 0, 0, 0])))
    #expect(ids.elementType == nil && ids.typeName == "Long" && ids.mapped == nil)
  }

  private static let dozen = (0..<12).map { Float($0) }

  @Test(
    "Views of a storage, where they lie as rows and where they do not",
    arguments: [
      ([3, 4], [4, 1], 0, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11], true),
      ([2, 2], [4, 1], 5, [5, 6, 9, 10], true), ([3], [4], 2, [2, 6, 10], true),
      ([4, 3], [1, 4], 0, [0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11], false),
      ([2, 2], [6, 3], 1, [1, 4, 7, 10], false), ([3, 2], [0, 1], 4, [4, 5, 4, 5, 4, 5], false),
      ([2, 3, 2], [1, 4, 2], 0, [0, 2, 4, 6, 8, 10, 1, 3, 5, 7, 9, 11], false),
      ([2, 3, 2], [6, 2, 1], 0, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11], true),
      ([1, 3], [7, 2], 1, [1, 3, 5], false), ([0, 3], [3, 1], 0, [], true), ([], [], 7, [7], true),
    ] as [([Int], [Int], Int, [Double], Bool)])
  func views(shape: [Int], strides: [Int], offset: Int, expected: [Double], isMapped: Bool) throws {
    let bytes = Self.dozen.flatMap { value in
      (0..<4).map { UInt8(truncatingIfNeeded: value.bitPattern >> (8 * $0)) }
    }
    let tensor = try tensor(
      TorchBuilder(.tensor(shape: shape, strides: strides, offset: offset, bytes: bytes)))
    #expect(try numbers(tensor) == expected)
    #expect((tensor.mapped != nil) == isMapped)
    let row = tensor.asRow
    #expect(row.rows == 1 && row.columns == expected.count)
    #expect(try numbers(row) == expected)
  }

  @Test("Containers keep their order, and values that are no tensors are told")
  func containers() throws {
    let one = TorchBuilder.Value.floats([1], [1])
    let value = try open(
      TorchBuilder(
        .ordered([
          ("z", .list([one, .tuple([one, .nothing])])), ("a", .counted([one])),
          ("n", .integer(-70000)), ("big", .integer(1 << 40)), ("x", .number(0.5)),
          ("t", .truth(true)), ("s", .text("é")),
        ]))
    ).value
    guard case .dictionary(let members) = value else { throw CocoaError(.fileReadCorruptFile) }
    #expect(members.map(\.key) == ["z", "a", "n", "big", "x", "t", "s"])
    let plain = members.compactMap { member -> String? in
      guard case .plain(let text) = member.value else { return nil }
      return text
    }
    #expect(plain == ["-70000", "1099511627776", "0.5", "True", "é"])
    guard case .list(let items) = members[0].value, case .list(let inner) = items[1],
      case .dictionary(let counted) = members[1].value
    else { throw CocoaError(.fileReadCorruptFile) }
    #expect(items.count == 2 && inner.count == 2 && counted.map(\.key) == ["0"])
    #expect(value.holdsTensors && !members[2].value.holdsTensors)
    // More values than a byte counts.
    let many = try open(TorchBuilder(.list((0..<300).map { .text("\($0)") }))).value
    guard case .list(let texts) = many, case .plain("299")? = texts.last else {
      throw CocoaError(.fileReadCorruptFile)
    }
  }

  @Test("Checksums are those of zip, and another zip archive is none of PyTorch")
  func checksums() throws {
    var builder = TorchBuilder([1, 2], shape: [2])
    try open(builder).verify()
    builder.left = ["data.pkl"]
    #expect(try TorchFile(opening: folder.write(builder.bytes, to: "b.npz")) == nil)
    var damaged = TorchBuilder([1, 2], shape: [2]).bytes
    let place = try #require(damaged.firstRange(of: [0, 0, 128, 63])?.lowerBound)
    damaged[place] = 1
    let file = try #require(try TorchFile(opening: folder.write(damaged, to: "c.pt")))
    #expect {
      try file.verify()
    } throws: { "\($0)".contains("its checksum is") }
  }
}
