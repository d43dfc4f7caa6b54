import Foundation
import LinearAlgebra
import OrderedCollections
import TensorFiles
import Testing

/// Valid files with bytes cut off or changed: they open or throw, and what opens can be read.
struct FuzzTests {
  @Test("damaged .npy files", arguments: 0..<4)
  func numpy(seed: UInt64) throws {
    let files = [
      NumpyFixture.singles, NumpyFixture.fortranDoubles, NumpyFixture.halvesVersion2,
      NumpyFixture.singlesVersion3, NumpyFixture.cube, NumpyFixture.integers,
    ]
    try damage(files, seed: seed, rounds: 400) { url in
      let file = try NumpyFile(opening: url)
      if let integers = try? file.integers() { #expect(integers.count == file.shape.reduce(1, *)) }
      _ = try file.view(as: Float.self)
      _ = try file.matrix(as: Double.self)
    }
  }

  @Test("damaged .safetensors files", arguments: 0..<4)
  func safetensors(seed: UInt64) throws {
    let folder = try TemporaryFolder()
    let tensors: [SafetensorsWriter.Declaration] = [
      .init(name: "a", elementType: .float64, shape: [2, 2]),
      .init(name: "b", elementType: .float32, shape: [3, 0, 1]),
      .init(name: "c", elementType: .float16, shape: [5]),
      .init(name: "d", elementType: .bfloat16, shape: []),
    ]
    var writer = try SafetensorsWriter(
      at: folder["valid"], tensors: tensors, metadata: ["k": "v"])
    for count in [4, 5, 1] {
      let values = [Float](repeating: 1.5, count: count)
      try writer.append(values.span)
    }
    try writer.commit()
    let valid = try [UInt8](Data(contentsOf: folder["valid"]))
    try damage([valid], seed: seed, rounds: 400) { url in
      let file = try SafetensorsFile(opening: url)
      for name in file.tensors.keys {
        _ = try file.matrix(name, as: Float.self)
        _ = try? file.view(name, as: Double.self)
      }
    }
  }

  private func damage(
    _ files: [[UInt8]], seed: UInt64, rounds: Int, _ read: (URL) throws -> Void
  ) throws {
    let folder = try TemporaryFolder()
    var generator = SeededGenerator(seed: seed)
    var opened = 0
    for _ in 0..<rounds {
      var bytes = files[Int.random(in: 0..<files.count, using: &generator)]
      for _ in 0..<Int.random(in: 0...3, using: &generator) {
        let place = Int.random(in: 0..<bytes.count, using: &generator)
        switch Int.random(in: 0..<4, using: &generator) {
        case 0: bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
        case 1: bytes[place] = UInt8.random(in: 0...255, using: &generator)
        case 2:
          bytes[place] = Array("0123456789,:{}[]()'\" -".utf8).randomElement(using: &generator) ?? 0
        default: bytes.removeLast(Int.random(in: 0..<bytes.count, using: &generator))
        }
        if bytes.isEmpty { break }
      }
      let url = try folder.file(bytes)
      do {
        try read(url)
        opened += 1
      } catch let error as TensorFileError {
        #expect(error.path == url.path)
      }
    }
    #expect(opened > 0 && opened < rounds)
  }
}
