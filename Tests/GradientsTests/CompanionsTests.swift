import Foundation
import Gradients
import LinearAlgebra
import TensorFiles
import TestSupport
import Testing

/// What lies beside gradients, found in a folder or given in memory.
@Suite("Companions of a store")
struct CompanionsTests {
  private static let shape = [2, 3]
  private let store = GradientStore(
    name: "train",
    blocks: [
      ("a.weight", Self.shape, Matrix<Double>(repeating: 1, rows: 4, columns: 6)),
      ("b", [2], Matrix<Double>(repeating: 2, rows: 4, columns: 2)),
    ])

  /// Numbers that tell their place.
  private func counting(_ rows: Int, _ columns: Int, from first: Double) -> Matrix<Double> {
    Matrix(
      rows: rows, columns: columns, elements: (0..<rows * columns).map { first + Double($0) / 8 })
  }

  private var curvature: StoredCurvature {
    StoredCurvature(
      kronecker: [
        (
          "a.weight",
          KroneckerFactors(
            activations: counting(3, 3, from: 1), outputGradients: counting(2, 2, from: 20),
            activationBasis: counting(3, 3, from: 30), outputBasis: counting(2, 2, from: 40),
            eigenvalues: counting(2, 3, from: 50))
        )
      ], hessian: counting(8, 8, from: 100), metadata: ["fisher": "sampled"])
  }

  private func write(_ store: GradientStore, to folder: URL) throws {
    let writer = try GradientStoreWriter(
      creating: folder, layout: store.layout, elementType: .float64)
    let blocks = try store.layout.blocks.indices.map {
      Matrix(try store.rows(0..<store.count, of: $0, as: Double.self))
    }
    try writer.append(blocks, ids: (0..<store.count).map { "row \($0)" })
    try writer.finish()
  }

  @Test("Curvature in memory answers as the file that it writes")
  func curvatureInMemory() throws {
    let folder = try TemporaryDirectory()
    try curvature.write(to: folder.url)
    let stored = try StoredCurvature(opening: folder.file(StoredCurvature.fileName))
    #expect(stored.metadata == curvature.metadata)
    #expect(stored.kroneckerBlocks == ["a.weight"] && curvature.kroneckerBlocks == ["a.weight"])
    for source in [stored, curvature] {
      let factors = try source.kroneckerFactors(of: store.layout.blocks[0])
      #expect(factors.activations == counting(3, 3, from: 1))
      #expect(factors.outputGradients == counting(2, 2, from: 20))
      #expect(factors.activationBasis == counting(3, 3, from: 30))
      #expect(factors.outputBasis == counting(2, 2, from: 40))
      #expect(factors.eigenvalues == counting(2, 3, from: 50))
      #expect(source.holds(.hessian) && !source.holds(.gaussNewton))
      // Rows and columns 6, 7, 0 of the Hessian.
      let part = try source.secondDerivative(.hessian, columns: [6..<8, 0..<1], of: 8)
      let whole = counting(8, 8, from: 100)
      for (row, place) in [6, 7, 0].enumerated() {
        for (column, other) in [6, 7, 0].enumerated() {
          #expect(part[row, column] == whole[place, other])
        }
      }
    }
  }

  @Test("What does not fit the store is refused alike from a file and from memory")
  func misfits() throws {
    let folder = try TemporaryDirectory()
    var bad = counting(2, 2, from: 0)
    bad[1, 1] = .infinity
    let broken = StoredCurvature(
      kronecker: [
        ("a.weight", KroneckerFactors(activations: .identity(2), outputGradients: .identity(2))),
        ("b", KroneckerFactors(activations: .identity(1), outputGradients: bad)),
      ], hessian: .identity(3))
    try broken.write(to: folder.url)
    let stored = try StoredCurvature(opening: folder.file(StoredCurvature.fileName))
    func message(_ work: () throws -> Void) -> String {
      do {
        try work()
        return ""
      } catch {
        return "\(error)"
      }
    }
    for source in [stored, broken] {
      let blocks = store.layout.blocks
      #expect(
        message { _ = try source.kroneckerFactors(of: blocks[0]) }.hasSuffix(
          "\"a.weight.activations\": it is 2 × 2 where the store asks for 3 × 3; compute both from the same model"
        ))
      #expect(
        message { _ = try source.kroneckerFactors(of: blocks[1]) }.hasSuffix(
          "\"b.output_gradients\": it holds NaN or infinite numbers; compute it again"))
      #expect(
        message { _ = try source.secondDerivative(.hessian, columns: [0..<2], of: 8) }.hasSuffix(
          "\"hessian\": it is 3 × 3 where the store asks for 8 × 8; compute both from the same model"
        ))
      #expect(
        message { _ = try source.secondDerivative(.gaussNewton, columns: [0..<2], of: 8) }
          .contains("\"ggn\": the file does not hold it"))
    }
  }

  @Test("A folder's files are found when its store is opened, and stay with it in other blocks")
  func beside() throws {
    let folder = try TemporaryDirectory()
    let place = folder.file("train")
    try write(store, to: place)
    let bare = try GradientStore(opening: place)
    #expect(bare.curvature == nil)
    #expect(try bare.probabilities() == nil)
    #expect(throws: GradientStoreError.self) { try bare.representations() }
    #expect(bare.path(of: LabelProbabilities.self) == place.path + "/probabilities.npy")
    try curvature.write(to: place)
    try LabelProbabilities(values: [0.1, 0.2, 0.3, 0.4]).write(to: place)
    try Representations(features: counting(4, 2, from: 0), labels: [0, 1, 0, 1])
      .write(to: place)
    let opened = try GradientStore(opening: place)
    for store in [opened, try opened.partitioned(by: .all)] {
      #expect(store.curvature?.holds(.hessian) == true)
      let probabilities = try #require(try store.probabilities())
      #expect(probabilities.values == [0.1, 0.2, 0.3, 0.4])
      #expect(probabilities.source == place.path + "/probabilities.npy")
      #expect(try store.representations().labels == [0, 1, 0, 1])
    }
    // The curvature is the whole model's; the others are of other rows.
    let part = opened[rows: 1..<3]
    #expect(part.curvature?.holds(.hessian) == true)
    #expect(try part.probabilities() == nil)
  }

  @Test("Companions in memory take the place of files, and are checked against the rows")
  func inMemory() throws {
    let companions = Companions(
      curvature: curvature,
      representations: try Representations(features: counting(3, 2, from: 0), labels: [0, 1, 0]),
      probabilities: LabelProbabilities(values: [0.5, 0.5, 1.5, 0.5]),
      exampleIDs: ["x", nil, "y", "z"])
    let held = store.with(companions)
    #expect(try held.exampleIDs() == ["x", nil, "y", "z"])
    #expect(try held[rows: 1..<3].exampleIDs() == [nil, "y"])
    let probabilities = try #require(try held.probabilities())
    #expect(probabilities.problem(of: 4) == "number 2 is 1.5, which is no probability")
    #expect(
      probabilities.problem(of: 5)
        == "it holds 4 numbers where there are 5 training examples")
    #expect(throws: GradientStoreError.self) { try held.representations() }
    #expect(held.with(curvature: nil).curvature == nil)
    #expect(try held.with(curvature: nil).exampleIDs() == held.exampleIDs())
  }

  @Test("A flipped bit of a companion is found when it is read", arguments: 0..<24)
  func flipped(seed: Int) throws {
    let folder = try TemporaryDirectory()
    try curvature.write(to: folder.url)
    try Representations(features: counting(4, 3, from: 1), labels: [0, 1, 1, 0])
      .write(to: folder.url)
    try LabelProbabilities(values: [0.5, 0.25, 1, 0]).write(to: folder.url)
    /// What a reader gets of each file.
    func numbers(_ name: String) throws -> [Double] {
      switch name {
      case StoredCurvature.fileName:
        let stored = try StoredCurvature(opening: folder.file(name))
        #expect(stored.metadata == ["fisher": "sampled"])
        return try stored.kroneckerFactors(of: store.layout.blocks[0]).eigenvalues?.elements ?? []
      case Representations.fileName:
        let stored = try Representations(opening: folder.file(name))
        return stored.features.elements + stored.labels.map(Double.init)
      default: return try LabelProbabilities(opening: folder.file(name)).values
      }
    }
    let name = [
      StoredCurvature.fileName, Representations.fileName, LabelProbabilities.fileName,
    ][seed % 3]
    let whole = try numbers(name)
    var generator = SeededGenerator(seed: UInt64(seed))
    var bytes = try folder.bytes(name)
    bytes[generator.index(below: bytes.count)] ^= 1 << UInt8(generator.index(below: 8))
    try folder.write(bytes, to: name)
    // A damaged name of the checksum leaves none, and the numbers as they were.
    if let found = try? numbers(name) { #expect(found == whole) }
  }

  @Test("The optimizer's moments are opened once, and stay those that were opened")
  func opened() throws {
    let folder = try TemporaryDirectory()
    try write(store, to: folder.file("train"))
    func moments(_ size: Double) -> OptimizerMoments {
      OptimizerMoments(
        rule: .init(stepCount: 3, firstDecay: 0.9, secondDecay: 0.99, epsilon: 1e-8),
        moments: store.layout.blocks.map { block in
          let numbers = [Double](repeating: size, count: block.width)
          return (block.name, .init(first: numbers, second: numbers))
        })
    }
    try moments(1).write(of: store.layout, to: folder.file("train"))
    let found = try GradientStore(opening: folder.file("train"))
    let first = try #require(try found.optimizerMoments())
    let checksum = try #require(first.checksum)
    #expect(try first.moments(ofBlock: "b", width: 2).first == [1, 1])
    // A file that takes its place is noticed, and belongs to a store that is opened then.
    try moments(2).write(of: store.layout, to: folder.file("train"))
    let second = try #require(try found.optimizerMoments())
    #expect(second.checksum == checksum)
    #expect(throws: (any Error).self) { try second.moments(ofBlock: "b", width: 2) }
    let fresh = try #require(
      try GradientStore(opening: folder.file("train")).optimizerMoments())
    #expect(fresh.checksum != checksum && moments(1).checksum == nil)
  }
}
