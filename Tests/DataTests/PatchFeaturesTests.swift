import Data
import Foundation
import LinearAlgebra
import Models
import TestSupport
import Testing

@Suite("Features by random patches")
struct PatchFeaturesTests {
  /// Five images of 3 × 32 × 32, random.
  private func images() throws -> LabelledImages {
    var generator = SeededGenerator(seed: 4)
    let folder = try TemporaryDirectory()
    let bytes = (0..<5).flatMap { row in
      [UInt8(row)] + (0..<3072).map { _ in UInt8(generator.index(below: 256)) }
    }
    return try LabelledImages(cifar10: [folder.write(bytes, to: "random.bin")])
  }

  @Test("the same seed gives the same features, and rows do not depend on each other")
  func deterministic() throws {
    let images = try images()
    let settings = PatchFeatures.Settings(filters: 5, samples: 500, seed: 3)
    let features = try PatchFeatures(fitting: images, settings: settings)
    #expect(try features == PatchFeatures(fitting: images, settings: settings))
    let all: TabularDataSet<Float> = try features.dataSet(of: images)
    #expect(all.features.columns == 40 && features.featureCount == 40 && all.count == 5)
    let last: TabularDataSet<Float> = try features.dataSet(of: images.selecting([4]))
    #expect(last.features[row: 0] == all.features[row: 4] && last.ids == [4])
    var other = settings
    other.seed = 4
    #expect(try PatchFeatures(fitting: images, settings: other) != features)
  }

  @Test("features are not changed by brightness, and swap halves with the image's sides")
  func invariance() throws {
    let images = try images()
    let settings = PatchFeatures.Settings(filters: 4, patchSize: 1, threshold: 0, samples: 300)
    // With patches of one pixel, a mirrored image has mirrored patches.
    let features = try PatchFeatures(fitting: images, settings: settings)
    let folder = try TemporaryDirectory()
    func made(_ change: (Int, Int, Int) -> UInt8) throws -> Matrix<Float> {
      let bytes: [UInt8] =
        [0]
        + (0..<3072).map { change($0 / 1024, $0 % 1024 / 32, $0 % 32) }
      let image = try LabelledImages(cifar10: [folder.write(bytes, to: "one.bin")])
      return try features.dataSet(of: image).features
    }
    func pixel(_ plane: Int, _ row: Int, _ column: Int) -> UInt8 {
      images.pixels[(plane * 32 + row) * 32 + column] / 2
    }
    let plain = try made(pixel)
    let brighter = try made { pixel($0, $1, $2) + 100 }
    // The mean of three pixels is exact to ulp(Float) · 255; squares are subtracted.
    expectClose(brighter, plain, bound: .relative(1e-3))
    let mirrored = try made { pixel($0, $1, 31 - $2) }
    let expected = [1, 0, 3, 2].flatMap { quarter in plain.elements[8 * quarter..<8 * quarter + 8] }
    expectClose(mirrored.elements, Array(expected), bound: .relative(1e-4))
  }

  @Test("bad settings and images are errors")
  func errors() throws {
    let images = try images()
    #expect(throws: DataError.self) {
      try PatchFeatures(fitting: images, settings: .init(filters: 0))
    }
    #expect(throws: DataError.self) {
      try PatchFeatures(fitting: images, settings: .init(threshold: -1))
    }
    #expect(throws: DataFileError.self) {
      try PatchFeatures(fitting: images, settings: .init(patchSize: 32))
    }
  }

  @Test(
    "CIFAR-10: a network on patch features beats one on pixels",
    .enabled(if: SharedData.has("data/cifar10"), SharedData.absent))
  func cifar() throws {
    let train = try LabelledImages(
      cifar10: [#require(SharedData.url("data/cifar10/train_first4000.bin.gz"))])
    let test = try LabelledImages(
      cifar10: [#require(SharedData.url("data/cifar10/test_first1000.bin.gz"))])
    func accuracy(_ train: TabularDataSet<Float>, _ test: TabularDataSet<Float>) throws -> Double {
      var model = try MultilayerPerceptron<Float>(
        sizes: [train.features.columns, 64, 10], activation: .relu, seed: 1)
      try model.train(
        on: train.standardized(),
        settings: TrainingSettings(epochs: 6, learningRate: 1e-3, weightDecay: 0.1))
      return try model.accuracy(on: test.standardized(by: train))
    }
    let features = try PatchFeatures(fitting: train, settings: .init(filters: 48))
    let byPatches = try accuracy(features.dataSet(of: train), features.dataSet(of: test))
    let byPixels = try accuracy(train.dataSet(pooling: 4), test.dataSet(pooling: 4))
    #expect(byPatches > 0.5 && byPatches > byPixels + 0.08)
  }
}
