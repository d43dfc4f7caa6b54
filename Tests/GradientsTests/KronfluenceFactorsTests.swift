import Foundation
import Gradients
import LinearAlgebra
import TensorFiles
import TestSupport
import Testing

/// A folder of kronfluence's factors of two layers, any part of which can be made wrong.
///
/// The first has two inputs, a bias and two outputs; the second one input and three outputs.
struct KronfluenceBuilder {
  typealias Tensors = [(name: String, type: String, shape: [Int], data: [UInt8])]

  var settings = #"{"use_empirical_fisher": true, "covariance_max_examples": 100000}"#
  var metadata: String? = #"{"dataset_size": 4, "indices": null}"#
  /// Changes the tensors of a file; none, and the file is left out.
  var change: (_ file: String, _ tensors: inout Tensors?) -> Void = { _, _ in }
  var names = ["model.first", "model.last"]

  @discardableResult
  func write(to folder: TemporaryDirectory) throws -> URL {
    func identity(_ size: Int, times number: Double) -> [UInt8] {
      (0..<size * size).flatMap { Bytes.of($0 % (size + 1) == 0 ? number : 0, as: .float32) }
    }
    func file(_ name: String, _ tensor: (Int) -> (String, [Int], [UInt8])) throws {
      var tensors: Tensors? = names.enumerated().map { index, name in
        let (type, shape, data) = tensor(index)
        return (name, type, shape, data)
      }
      change(name, &tensors)
      guard let tensors else { return }
      try folder.writeTensors("k/\(name).safetensors", tensors)
    }
    let (inputs, outputs) = ([3, 1], [2, 3])
    for (name, sizes) in [("activation", inputs), ("gradient", outputs)] {
      try file("\(name)_covariance") {
        ("F32", [sizes[$0], sizes[$0]], identity(sizes[$0], times: 8))
      }
      try file("\(name)_eigenvectors") {
        ("F32", [sizes[$0], sizes[$0]], identity(sizes[$0], times: 1))
      }
      try file("num_\(name)_covariance_processed") { _ in
        ("I64", [1], Bytes.littleEndian(8 as UInt64))
      }
    }
    try file("lambda_matrix") { index in
      let count = inputs[index] * outputs[index]
      return (
        "F32", [outputs[index], inputs[index]],
        (1...count).flatMap { Bytes.of(Double($0), as: .float32) }
      )
    }
    try file("num_lambda_processed") { _ in ("I64", [1], Bytes.littleEndian(4 as UInt64)) }
    try folder.write(settings, to: "k/factor_arguments.json")
    if let metadata { try folder.write(metadata, to: "k/covariance_dataset_metadata.json") }
    return folder.file("k")
  }
}

@Suite("Factors of kronfluence beside gradients")
struct KronfluenceFactorsTests {
  let folder: TemporaryDirectory
  static let sample = Sample(
    rows: 4, [("first.bias", [2]), ("first.weight", [2, 2]), ("last.weight", [3, 1])])

  init() throws { folder = try TemporaryDirectory() }

  private static func store(_ sample: Sample = sample) -> GradientStore {
    GradientStore(
      blocks: zip(sample.parameters, sample.blocks(rows: 0..<sample.rows, as: Float.self)).map {
        ($0.name, $0.shape, $1)
      })
  }

  @Test("Of two layers that could both be a block's none is taken")
  func ambiguous() throws {
    var builder = KronfluenceBuilder()
    builder.names = ["encoder.first", "decoder.first"]
    let url = try builder.write(to: folder)
    let sample = Sample(rows: 4, [("first.bias", [2]), ("first.weight", [2, 2])])
    let error = #expect(throws: GradientStoreError.self) {
      try Self.store(sample).withFactors(ofKronfluenceAt: url)
    }
    let text = "\(try #require(error))"
    #expect(text.contains("encoder.first") && text.contains("decoder.first"), "\(text)")
    // Whole names leave no doubt.
    let whole = Sample(rows: 4, [("encoder.first.bias", [2]), ("encoder.first.weight", [2, 2])])
    #expect(
      try Self.store(whole).withFactors(ofKronfluenceAt: url).layout.blocks.map(\.name)
        == ["encoder.first"])
  }

  @Test("The bias becomes the last column, factors are divided by their counts, vectors are rows")
  func joined() throws {
    let url = try KronfluenceBuilder().write(to: folder)
    let store = try Self.store().withFactors(ofKronfluenceAt: url)
    #expect(store.layout.blocks.map(\.name) == ["first", "last.weight"])
    #expect(store.layout.blocks.map(\.shape) == [[2, 3], [3, 1]])
    let row = try Matrix(store.rows(1..<2, of: 0, as: Double.self)).elements
    let plain = Self.sample.matrix(rows: 1..<2, columns: 0..<6, as: Double.self).elements
    #expect(row == [plain[2], plain[3], plain[0], plain[4], plain[5], plain[1]])
    for columns in [0..<1, 1..<4, 2..<3, 3..<6, 5..<6] {
      let part = try store.rows(1..<2, of: 0, columns: columns, as: Float.self)
      #expect(Matrix(part).elements == row[columns].map { Float($0) })
    }
    let curvature = try #require(store.curvature)
    #expect(curvature.metadata == ["fisher": "empirical", "examples": "4"])
    let factors = try curvature.kroneckerFactors(of: store.layout.blocks[0])
    #expect(factors.activations[2, 2] == 1 && factors.outputGradients[1, 1] == 2)
    #expect(factors.eigenvalues?[1, 2] == 1.5)
    // A copy has the same in its own file.
    _ = try StoreCopy(of: store, to: folder.file("copy")).run()
    let copy = try GradientStore(opening: folder.file("copy"))
    #expect(copy.layout == store.layout)
    let copied = try #require(copy.curvature).kroneckerFactors(of: store.layout.blocks[0])
    #expect(copied.eigenvalues == factors.eigenvalues)
    #expect(copied.activations == factors.activations)
  }

  @Test("Without second moments there are the factors alone, of as many examples as were counted")
  func alone() throws {
    var builder = KronfluenceBuilder()
    builder.change = { name, tensors in if name.contains("lambda") { tensors = nil } }
    builder.metadata = #"{"dataset_size": 9, "indices": [1, 2, 3, 4, 5]}"#
    builder.settings = #"{"use_empirical_fisher": false, "covariance_max_examples": 2}"#
    let store = try Self.store().withFactors(ofKronfluenceAt: builder.write(to: folder))
    #expect(store.curvature?.metadata == ["fisher": "sampled", "examples": "2"])
    let factors = try #require(store.curvature).kroneckerFactors(of: store.layout.blocks[0])
    #expect(factors.eigenvalues == nil && factors.activationBasis == nil)
    #expect(factors.outputGradients[0, 0] == 4)
  }

  @Test("A part of a layer's name that blocks have not is taken away")
  func parts() throws {
    var builder = KronfluenceBuilder()
    builder.names = ["base.first.default", "base.last.default"]
    let store = try Self.store().withFactors(ofKronfluenceAt: builder.write(to: folder))
    #expect(store.curvature?.kroneckerBlocks == ["first", "last.weight"])
  }

  private static func changed(
    _ description: String, _ words: String..., sample: Sample = sample,
    change: @escaping @Sendable (inout KronfluenceBuilder) -> Void
  ) -> Malformed {
    Malformed("kronfluence: " + description, "unusableCurvature", words) { folder in
      var builder = KronfluenceBuilder()
      change(&builder)
      let url = try builder.write(to: folder)
      _ = try store(sample).withFactors(ofKronfluenceAt: url)
      return url
    }
  }

  private static func file(
    _ name: String, _ description: String, _ words: String...,
    change: @escaping @Sendable (inout KronfluenceBuilder.Tensors?) -> Void
  ) -> Malformed {
    Malformed("kronfluence: " + description, "unusableCurvature", words) { folder in
      let builder = KronfluenceBuilder(change: { if $0 == name { change(&$1) } })
      let url = try builder.write(to: folder)
      _ = try store().withFactors(ofKronfluenceAt: url)
      return url
    }
  }

  static let refusals: [Malformed] = [
    file("activation_covariance", "no covariances", "activation_covariance.safetensors") {
      $0 = nil
    },
    file("gradient_covariance", "no covariances of gradients", "gradient_covariance") { $0 = nil },
    file("num_gradient_covariance_processed", "no count", "num_gradient") { $0 = nil },
    file("activation_covariance", "no layers", "no layers") { $0 = [] },
    file("gradient_covariance", "a layer that is missing", "model.last", "not there") {
      $0?.removeLast()
    },
    file("activation_covariance", "a matrix that is not square", "model.first", "[9, 9]") {
      $0?[0].shape = [9, 1]
    },
    file("activation_covariance", "a vector", "model.first") { $0?[0].shape = [9] },
    file("activation_eigenvectors", "vectors of another size", "[3, 3]") {
      $0?[0] = ("model.first", "F32", [2, 2], [UInt8](repeating: 0, count: 16))
    },
    file("lambda_matrix", "moments turned around", "[2, 3]") { $0?[0].shape = [3, 2] },
    file("num_lambda_processed", "a count of 0", "number of rows") {
      $0?[0].data = [UInt8](repeating: 0, count: 8)
    },
    file("num_activation_covariance_processed", "a negative count", "number of rows") {
      $0?[0].data = [UInt8](repeating: 255, count: 8)
    },
    file("num_activation_covariance_processed", "two counts", "number of rows") {
      $0?[0] = ("model.first", "I64", [2], [UInt8](repeating: 1, count: 16))
    },
    file("num_activation_covariance_processed", "a count that is none", "number of rows") {
      $0?[0] = ("model.first", "F32", [1], [0, 0, 0, 0])
    },
    changed("names of another model", "\"first\"", "choose the blocks") {
      $0.names = ["encoder.a", "encoder.b"]
    },
    changed(
      "a block without factors", "\"norm\"",
      sample: Sample(rows: 4, [("first.weight", [2, 2]), ("norm.weight", [3])])
    ) { _ in },
    changed(
      "gradients without the bias", "bias",
      sample: Sample(rows: 4, [("first.weight", [2, 2])])
    ) { _ in },
    changed(
      "a bias without its weight", "weight", sample: Sample(rows: 4, [("first.bias", [2])])
    ) { _ in },
    changed(
      "a layer of another size", "2 outputs",
      sample: Sample(rows: 4, [("first.bias", [3]), ("first.weight", [3, 2])])
    ) { _ in },
    Malformed("kronfluence: no folder of factors", "unusableCurvature", "factor_arguments.json") {
      try $0.write("{}", to: "k/score_arguments.json")
      _ = try store().withFactors(ofKronfluenceAt: $0.file("k"))
      return $0.file("k")
    },
    Malformed("kronfluence: partitions alone", "unusableCurvature", "aggregate") {
      try $0.write("{}", to: "k/factor_arguments.json")
      try $0.write("", to: "k/activation_covariance_data_partition0_module_partition0.safetensors")
      _ = try store().withFactors(ofKronfluenceAt: $0.file("k"))
      return $0.file("k")
    },
  ]

  @Test("What does not fit is refused with its layer and a remedy", arguments: refusals)
  func refused(_ malformed: Malformed) throws {
    let error = #expect(throws: (any Error).self) { try malformed.make(folder) }
    expect(
      try #require(error), is: malformed.error, about: folder.file("k").path,
      mentioning: malformed.words)
  }
}
