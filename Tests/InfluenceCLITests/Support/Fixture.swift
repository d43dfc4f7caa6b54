import Foundation
import InfluenceKit
import TestSupport
import Testing

/// The committed gradients of a small adapter with what a numpy program makes of them, and small
/// files of the tests' own making.
struct Fixture: Sendable {
  static let exampleCount = 40
  static let queryCount = 7

  let train: String
  let query: String
  private let folder: URL

  init() throws {
    let root = try #require(SharedData.packageRoot)
    folder = root.appendingPathComponent("Tests/InfluenceTests/Fixtures/small-lora")
    train = folder.appendingPathComponent("train.safetensors").path
    query = folder.appendingPathComponent("query.safetensors").path
  }

  func expected(_ name: String) throws -> Matrix<Double> {
    try SafetensorsFile(opening: folder.appendingPathComponent("expected.safetensors"))
      .matrix(name, as: Double.self)
  }

  /// `expected.json`: dampings, spectra, names of live blocks.
  func facts() throws -> OrderedJSON {
    try OrderedJSON(contentsOf: folder.appendingPathComponent("expected.json"))
  }

  /// Arguments of `influence score` on the fixture.
  func score(_ method: String, to output: String = "scores.npy") -> [String] {
    ["score", "--train", train, "--query", query, "--method", method, "--output", output]
  }
}

/// Twelve examples and three queries in two blocks, written into a workplace in every healthy and
/// unhealthy form.
struct SmallFiles {
  static let examples = 12
  static let first = random(rows: examples, columns: 12, seed: 1)
  static let second = random(rows: examples, columns: 5, seed: 2)

  static func random(rows: Int, columns: Int, seed: UInt64) -> Matrix<Float> {
    var generator = SeededGenerator(seed: seed)
    return Matrix(
      rows: rows, columns: columns,
      elements: (0..<rows * columns).map { _ in Float(generator.normal()) })
  }

  static func tensors(
    rows: Int = examples, change: (inout [Float], inout [Float]) -> Void = { _, _ in }
  ) -> [Workplace.Tensor] {
    var first = Array(first.elements.prefix(rows * 12))
    var second = Array(second.elements.prefix(rows * 5))
    change(&first, &second)
    return [
      .init(name: "a", shape: [3, 4], rows: Matrix(rows: rows, columns: 12, elements: first)),
      .init(name: "b", shape: [5], rows: Matrix(rows: rows, columns: 5, elements: second)),
    ]
  }

  /// Writes them all.
  static func write(in place: Workplace) throws {
    try place.writeTensors(tensors(), to: "train.safetensors")
    try place.writeTensors(tensors(rows: 3), to: "query.safetensors")
    // Rows 4 and 7 of the first block are not finite.
    func spoil(_ first: inout [Float], _ second: inout [Float]) {
      first[4 * 12 + 1] = .nan
      first[7 * 12 + 11] = .infinity
    }
    try place.writeTensors(tensors(change: spoil), to: "nan.safetensors")
    try place.writeTensors(
      tensors { first, second in
        first = first.map { _ in 0 }
        second = second.map { _ in 0 }
      }, to: "zero.safetensors")
    try place.writeTensors(tensors(rows: 0), to: "empty.safetensors")
    try place.writeTensors([], to: "none.safetensors")
    var other = tensors(rows: 3)
    other[1] = .init(name: "c", shape: [5], rows: other[1].rows)
    try place.writeTensors(other, to: "other.safetensors")
    var turned = tensors(rows: 3)
    turned[0] = .init(name: "a", shape: [4, 3], rows: turned[0].rows)
    try place.writeTensors(turned, to: "turned.safetensors")
    try place.writeTensors(
      [tensors()[0], tensors(rows: 5)[1]], to: "ragged.safetensors")
    try place.write(
      Array(try place.bytes("train.safetensors").prefix(300)), to: "cut.safetensors")
    try place.write("neither tensors nor arrays\n", to: "garbage.safetensors")
    try place.write("", to: "nothing.npy")
    try place.makeFolder("folder")

    try place.writeArray(Self.random(rows: 3, columns: 12, seed: 3), to: "scores.npy")
    try place.write(Array(try place.bytes("scores.npy").prefix(150)), to: "cut.npy")
    try place.write("\u{93}NUMPY and then nothing that is right", to: "garbage.npy")
    try place.writeArray(descriptor: "<i8", shape: "(3, 4)", byteCount: 96, to: "integers.npy")
    try place.writeArray(descriptor: ">c8", shape: "(3, 2)", byteCount: 48, to: "complex.npy")
    try place.writeArray(descriptor: "<f4", shape: "(3, 4, 2)", byteCount: 96, to: "cube.npy")
    try place.writeArray(descriptor: "<f4", shape: "(3, 0)", byteCount: 0, to: "narrow.npy")
    try place.writeArray(descriptor: "<f4", shape: "(12,)", byteCount: 48, to: "vector.npy")
    var bad = Self.random(rows: 3, columns: 12, seed: 4).elements
    bad[12 + 2] = .nan
    try place.writeArray(Matrix(rows: 3, columns: 12, elements: bad), to: "nanscores.npy")

    try place.write("[\"one\", \"two\"]", to: "two.json")
    try place.write("x,class\n1,0\n2,99999999999\n", to: "labels.csv")
    try place.write("{\"something\": 1}", to: "unrelated.json")
    try place.write("[1, 2, 3]", to: "numbers.json")
    try place.write("{\"texts\": [\"one\",", to: "cut.json")
    try place.write("{\"text\": \"one\"}\n{\"text\": \n", to: "cut.jsonl")
    try place.write("{\"flipped\": [1, 99]}", to: "outside.json")
    try place.write("{\"flipped\": [-1]}", to: "negative.json")
    try place.write("{\"flipped\": [\"one\"]}", to: "words.json")
    try place.write("{\"flipped\": [1.5]}", to: "fractions.json")
    try place.write("{\"flipped\": []}", to: "noneflipped.json")
    try place.write(
      "{\"flipped\": [\((0..<12).map(String.init).joined(separator: ","))]}", to: "allflipped.json")

    let layout = BlockLayout([(name: "a", shape: [3, 4]), (name: "b", shape: [5])])
    let writer = try GradientStoreWriter(creating: place.file("unfinished"), layout: layout)
    try writer.append(tensors(rows: 3).map(\.rows))
    try writer.commit()
  }
}
