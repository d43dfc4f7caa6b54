import Foundation
import Gradients
import LinearAlgebra
import TensorFiles
import TestSupport
import Testing

@Suite("Opening a store")
struct OpeningTests {
  let folder: TemporaryDirectory

  init() throws { folder = try TemporaryDirectory() }

  @Test("A directory of info.json and gradients.bin", arguments: ElementType.floatingPoint)
  func index(type: ElementType) throws {
    let sample = Sample()
    let store = try GradientStore(opening: folder.writeIndex("index", sample, as: type))
    #expect(store.kind == .directory)
    #expect(store.manifests == [nil])
    #expect(store.elementTypes == [type, type, type])
    try expect(store, holds: sample)
    #expect(store.isDirectlyReadable(as: Float.self) == (type == .float32))
    #expect(store.isDirectlyReadable(as: Double.self) == (type == .float64))
  }

  @Test("Key order in info.json is column order")
  func keyOrder() throws {
    let sample = Sample([("z", [2]), ("m.weight", [4]), ("a", [1]), ("é 🙂", [3])])
    let store = try GradientStore(opening: folder.writeIndex("index", sample))
    #expect(store.layout.blocks.map(\.name) == ["z", "m.weight", "a", "é 🙂"])
    try expect(store, holds: sample)
  }

  @Test("A store of ours", arguments: ElementType.floatingPoint)
  func written(type: ElementType) throws {
    let sample = Sample()
    let store = try GradientStore(opening: folder.writeStore("store", sample, as: type))
    #expect(store.kind == .directory)
    let manifest = try #require(store.manifests.first ?? nil)
    #expect(manifest.isComplete && manifest.rows == 5 && manifest.elementType == type)
    #expect(store.layout.blocks.map(\.shape) == [[3], [2, 2], [1]])
    try expect(store, holds: sample)
  }

  @Test("A safetensors file", arguments: ElementType.floatingPoint)
  func safetensors(type: ElementType) throws {
    let sample = Sample()
    let store = try GradientStore(opening: folder.writeTensors("a.safetensors", sample, as: type))
    #expect(store.kind == .safetensors)
    #expect(store.layout.blocks.map(\.shape) == [[3], [2, 2], [1]])
    try expect(store, holds: sample)
    #expect(store.isDirectlyReadable(as: Float.self) == (type == .float32))
  }

  @Test("Tensors that are not aligned are copied, not misread", arguments: 1..<8)
  func misaligned(shift: Int) throws {
    let sample = Sample()
    let url = try folder.writeTensors("a", sample, as: .float32, shift: shift)
    let store = try GradientStore(opening: url)
    #expect(store.isDirectlyReadable(as: Float.self) == shift.isMultiple(of: 4))
    try expect(store, holds: sample)
    let doubles = try folder.writeTensors("b", sample, as: .float64, shift: shift)
    try expect(GradientStore(opening: doubles), holds: sample)
  }

  @Test("A vector of an example each is one column")
  func vectors() throws {
    let data = Bytes.of(Sample().matrix(rows: 0..<5, columns: 0..<1), as: .float32)
    let tensors = try folder.writeTensors("a", [("gradients", "F32", [5], data)])
    let array = try folder.writeArray("b", descriptor: "<f4", shape: [5], data)
    for url in [tensors, array] {
      let store = try GradientStore(opening: url)
      #expect(store.layout.blocks.map(\.shape) == [[1]])
      try expect(store, holds: Sample([("gradients", [1])]))
    }
  }

  @Test(
    "A npy file", arguments: [ElementType.float16, .float32, .float64], [false, true])
  func array(type: ElementType, isFortranOrder: Bool) throws {
    let sample = Sample([("gradients", [7])])
    let url = try folder.writeArray(
      "a.npy", sample, block: 0, as: type, isFortranOrder: isFortranOrder)
    let store = try GradientStore(opening: url)
    #expect(store.kind == .numpy)
    #expect(store.elementTypes == [type])
    try expect(store, holds: sample)
    #expect(store.isDirectlyReadable(as: Float.self) == (type == .float32 && !isFortranOrder))
    #expect(store.isDirectlyReadable(as: Double.self) == (type == .float64 && !isFortranOrder))
  }

  @Test("A npy file of three dimensions keeps its shape")
  func deepArray() throws {
    let sample = Sample([("gradients", [2, 3])])
    let store = try GradientStore(opening: folder.writeArray("a.npy", sample, block: 0))
    #expect(store.layout.blocks.map(\.shape) == [[2, 3]])
    try expect(store, holds: sample)
  }

  @Test("A directory of npy files, in the order of their names, whatever their types")
  func arrays() throws {
    let sample = Sample([("a", [2, 2]), ("b.weight", [3]), ("c", [1])])
    try folder.writeArray("arrays/c.npy", sample, block: 2, as: .float64)
    try folder.writeArray("arrays/a.npy", sample, block: 0, as: .float32)
    try folder.writeArray("arrays/b.weight.npy", sample, block: 1, as: .float16)
    try folder.write("about these files", to: "arrays/README")
    try folder.write([1, 2, 3], to: "arrays/.hidden.npy")
    try folder.write("{}", to: "arrays/folder/config.json")
    let store = try GradientStore(opening: folder.file("arrays"))
    #expect(store.kind == .numpyDirectory)
    #expect(store.elementTypes == [.float32, .float16, .float64])
    #expect(!store.isDirectlyReadable(as: Float.self))
    try expect(store, holds: sample)
  }

  /// Writes rows of one block as files with such names, each with so many rows.
  private func writeParts(
    _ names: [String], rows: [Int], to directory: String, of sample: Sample,
    as types: [ElementType] = [.float32]
  ) throws -> URL {
    var start = 0
    for (index, name) in names.enumerated() {
      let type = types[index % types.count]
      let part = sample.matrix(
        rows: start..<start + rows[index], columns: 0..<3, as: Double.self)
      try folder.writeArray(
        "\(directory)/\(name).npy", descriptor: type.numpyDescriptor ?? "",
        shape: [rows[index], 3], Bytes.of(part, as: type))
      start += rows[index]
    }
    return folder.file(directory)
  }

  @Test(
    "npy files called alike but for a number, with different rows, are rows one after the other")
  func rowParts() throws {
    let sample = Sample(rows: 7, [("gradients", [3])])
    let names = ["train_2", "train_10", "train_11"]
    let uneven = try writeParts(names, rows: [3, 3, 1], to: "uneven", of: sample)
    let store = try GradientStore(opening: uneven)
    try expect(store, holds: sample)
    // Lines of examples count the rows of all files.
    try folder.write(
      (0..<7).map { "{\"id\": \"e\($0)\"}\n" }.joined(), to: "uneven/examples.jsonl")
    #expect(try store.exampleIDs() == (0..<7).map { "e\($0)" })
    #expect(try store[rows: 2..<5].exampleIDs() == ["e2", "e3", "e4"])
    let twice = try GradientStore(joining: [store, store], name: "twice")
    #expect(try twice.exampleIDs()?.count == 14)
    #expect(try twice.exampleIDs()?[9] == "e2")

    // Equally many: blocks, as each has a row per example, unless rows are asked for.
    let even = try writeParts(
      ["layer0", "layer1"], rows: [3, 3], to: "even", of: Sample(rows: 6, [("gradients", [3])]))
    #expect(try GradientStore(opening: even).layout.blocks.map(\.name) == ["layer0", "layer1"])
    let joined = try GradientStore(opening: even, joiningRows: true)
    try expect(joined, holds: Sample(rows: 6, [("gradients", [3])]))

    for (names, types) in [
      (["train_1", "test_2"], [.float32]), (["a", "b"], [.float32]),
      (["train_1", "train_2"], [.float32, .float64]),
    ] as [([String], [ElementType])] {
      let odd = try writeParts(
        names, rows: [3, 2], to: names.joined() + "\(types.count)", of: sample, as: types)
      let error = #expect(throws: GradientStoreError.self) { try GradientStore(opening: odd) }
      #expect(error?.description.contains("one row per example") == true)
      #expect(error?.description.contains("rows of one block") == true)
    }
    let error = #expect(throws: GradientStoreError.self) {
      try GradientStore(
        opening: writeParts(["a", "b"], rows: [2, 2], to: "ab", of: sample), joiningRows: true)
    }
    #expect(error?.description.contains("not rows of one block") == true)
  }

  @Test("Matrices in memory")
  func memory() throws {
    let sample = Sample()
    let single = GradientStore(
      blocks: sample.parameters.indices.map {
        (
          sample.parameters[$0].name, sample.parameters[$0].shape,
          sample.blocks(rows: 0..<5, as: Float.self)[$0]
        )
      })
    let double = GradientStore(
      name: "queries",
      blocks: sample.parameters.indices.map {
        (
          sample.parameters[$0].name, sample.parameters[$0].shape,
          sample.blocks(rows: 0..<5, as: Double.self)[$0]
        )
      })
    for store in [single, double] {
      #expect(store.kind == .memory)
      #expect(try store.checksum() == nil)
      try expect(store, holds: sample)
    }
    #expect(single.name == "memory" && double.name == "queries")
    #expect(
      single.isDirectlyReadable(as: Float.self) && !single.isDirectlyReadable(as: Double.self))
    #expect(
      double.isDirectlyReadable(as: Double.self) && !double.isDirectlyReadable(as: Float.self))
    #expect(double.elementTypes == [.float64, .float64, .float64])
  }

  @Test("What can be looked at in place is not copied, and what cannot is")
  func inPlace() throws {
    let sample = Sample()
    // A view into the file keeps the file's row stride; a copy of one block has the block's width.
    let single = try GradientStore(opening: folder.writeIndex("single", sample))
    #expect(try single.rows(1..<4, of: 1, as: Float.self).rowStride == sample.width)
    #expect(try single.rows(1..<4, of: 1, as: Double.self).rowStride == 4)
    let half = try GradientStore(opening: folder.writeIndex("half", sample, as: .float16))
    #expect(try half.rows(1..<4, of: 1, as: Float.self).rowStride == 4)
    let view = try single.rows(0..<5, of: 0, as: Float.self)
    try FileManager.default.removeItem(at: folder.file("single"))
    #expect(Matrix(view) == sample.matrix(rows: 0..<5, columns: 0..<3))
  }

  @Test("A store of no rows", arguments: [ElementType.float16, .float32])
  func noRows(type: ElementType) throws {
    let sample = Sample(rows: 0)
    let index = try folder.writeIndex("index", sample, as: type)
    let store = try folder.writeStore("store", sample, as: type)
    for url in [index, store] {
      let store = try GradientStore(opening: url)
      try expect(store, holds: sample)
      #expect(store.chunks(of: 8) == [])
      #expect(try store.squaredNorms().totals == [])
    }
  }

  @Test("A block of no columns among others")
  func emptyBlock() throws {
    let sample = Sample([("a", [2]), ("none", [0]), ("b", [1]), ("last", [3, 0])])
    try expect(GradientStore(opening: folder.writeIndex("index", sample)), holds: sample)
    let store = try GradientStore(opening: folder.writeStore("store", sample))
    try expect(store, holds: sample)
    #expect(Array(try store.squaredNorms().norms(ofBlock: 1)) == [0, 0, 0, 0, 0])
  }

  @Test("As many columns as a 32-bit integer counts")
  func widest() throws {
    try folder.write(
      #"{"num_grads": 0, "grad_sizes": {"a": 2147483646, "b": 1}, "base_dtype": "float32"}"#,
      to: "wide/info.json")
    try folder.write([], to: "wide/gradients.bin")
    let store = try GradientStore(opening: folder.file("wide"))
    #expect(store.layout.columnCount == 2_147_483_647)
  }

  @Test("Content, not the name, tells the kind")
  func probing() throws {
    let sample = Sample([("gradients", [3])])
    let tensors = try folder.writeTensors("tensors.npy", sample)
    #expect(try GradientStore(opening: tensors).kind == .safetensors)
    let bare = try folder.writeTensors("tensors", sample)
    #expect(try GradientStore(opening: bare).kind == .safetensors)
    let mapped = try folder.writeArray("grads.mmap", sample, block: 0, as: .float16)
    #expect(try GradientStore(opening: mapped).kind == .numpy)
    let array = try folder.writeArray("array.safetensors", sample, block: 0)
    #expect(try GradientStore(opening: array).kind == .numpy)
    let directory = try folder.writeIndex("index.npy", sample)
    #expect(try GradientStore(opening: directory).kind == .directory)
    try folder.writeArray("arrays/gradients.mmap", sample, block: 0)
    #expect(try GradientStore(opening: folder.file("arrays")).kind == .numpyDirectory)
    for url in [tensors, bare, mapped, array] {
      let kind = try GradientStore(opening: url).kind
      if kind == .numpy { try expect(GradientStore(opening: url), holds: sample) }
    }
  }

  @Test("Symbolic links are followed")
  func links() throws {
    let sample = Sample([("gradients", [3])])
    try folder.writeIndex("index", sample)
    try folder.writeArray("array", sample, block: 0)
    for name in ["index", "array"] {
      let link = folder.file("to-" + name)
      try FileManager.default.createSymbolicLink(
        at: link, withDestinationURL: folder.file(name))
      try expect(GradientStore(opening: link), holds: sample)
    }
  }

  @Test("A build that bergson has not finished is opened only when asked for")
  func unfinishedBuild() throws {
    let url = try folder.writeIndex("run.part", Sample())
    #expect(throws: GradientStoreError.incomplete(path: url.path, committedRows: nil)) {
      try GradientStore(opening: url)
    }
    try expect(GradientStore(opening: url, allowingIncomplete: true), holds: Sample())
  }
}
