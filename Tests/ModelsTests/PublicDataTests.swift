import Data
import Foundation
import LinearAlgebra
import Models
import TestSupport
import Testing

@Suite("Public data sets, where they are")
struct PublicDataTests {
  private func url(_ path: String) throws -> URL {
    try #require(SharedData.url("data/" + path))
  }

  @Test(
    "UCI Adult: rows, groups, and logistic regression's accuracy",
    .enabled(if: SharedData.has("data/tabular/adult_train.csv"), SharedData.absent))
  func adult() throws {
    let table = try TableFile(reading: url("tabular/adult_train.csv"))
    #expect(table.rows.count == 32_561)
    let encoding = try TableEncoding(fitting: table, roles: .adult)
    let train = try encoding.encode(table)
    let test = try encoding.encode(TableFile(reading: url("tabular/adult_test.csv")))
    // 30,162 and 15,060 rows are complete, as UCI's own description says.
    #expect(train.data.count == 30_162 && test.data.count == 15_060)
    #expect(train.droppedRows == 2_399)
    // 24.9 % of the complete rows earn more than 50,000 dollars.
    #expect(train.data.labels.reduce(0, +) == 7_508)
    #expect(abs(Double(train.groups.reduce(0, +)) / 30_162 - 0.675) < 1e-3)
    let model = try LogisticRegression(
      trainedOn: train.data, settings: NewtonSettings(regularization: 1e-4))
    // About 0.85 is what logistic regression is known to reach.
    #expect(model.accuracy(on: test.data) > 0.84)
    #expect(model.accuracy(on: test.data) < 0.87)
  }

  @Test(
    "Bank Marketing: rows, groups, and logistic regression's accuracy",
    .enabled(if: SharedData.has("data/tabular/bank.csv"), SharedData.absent))
  func bank() throws {
    let table = try TableFile(reading: url("tabular/bank.csv"))
    let married = try TableEncoding(fitting: table, roles: .bank(sensitive: .marital))
      .encode(table)
    #expect(married.data.count == 4_521 && married.droppedRows == 0)
    #expect(married.data.labels.reduce(0, +) == 521)
    #expect(married.groups.reduce(0, +) == 2_797)
    let aged = try TableEncoding(fitting: table, roles: .bank()).encode(table)
    #expect(aged.data == married.data)
    #expect(aged.groups == table.rows.map { (Int($0[0]) ?? 0) >= 25 ? 1 : 0 })
    let parts = try aged.data.split(counts: [3_000, 1_521], seed: 1)
    let model = try LogisticRegression(
      trainedOn: parts[0], settings: NewtonSettings(regularization: 1e-3))
    #expect(model.accuracy(on: parts[1]) > 0.89)
  }

  @Test(
    "MNIST: counts, and a small network on pooled pixels",
    .enabled(if: SharedData.has("data/mnist"), SharedData.absent))
  func mnist() throws {
    let train = try LabelledImages(
      idxImages: url("mnist/train-images-idx3-ubyte.gz"),
      labels: url("mnist/train-labels-idx1-ubyte.gz"))
    #expect(train.count == 60_000 && train.height == 28 && train.labels[0] == 5)
    let test = try LabelledImages(
      idxImages: url("mnist/t3k-images-idx3-ubyte.gz"),
      labels: url("mnist/t3k-labels-idx1-ubyte.gz"))
    #expect(test.count == 3_000)
    let pooled: TabularDataSet<Float> = try train.prefix(2_000).dataSet(pooling: 2)
    #expect(pooled.features.columns == 196)
    var model = try MultilayerPerceptron<Float>(sizes: [196, 32, 10], activation: .relu, seed: 1)
    try model.train(on: pooled, settings: TrainingSettings(epochs: 10, learningRate: 3e-3))
    #expect(try model.accuracy(on: test.dataSet(pooling: 2)) > 0.85)
  }

  @Test(
    "CIFAR-10 and CIFAR-10N: the labels of the files agree, and noise is as published",
    .enabled(if: SharedData.has("data/cifar10"), SharedData.absent))
  func cifar() throws {
    let images = try LabelledImages(cifar10: [url("cifar10/train_first4000.bin.gz")])
    let labels = try CIFAR10NLabels(reading: url("cifar10/cifar10n_labels.csv"))
    #expect(images.count == 4_000 && labels.count == 50_000)
    #expect(labels.labels(.clean, of: images.ids) == images.labels)
    let all = Array(0..<50_000)
    // Wei et al. (2022) publish 9.03 %, 17.23 % and 40.21 %; the labels of the file give 9.01 % for the first.
    for (annotation, noise) in [
      (CIFAR10NLabels.Annotation.aggregate, 0.0903), (.random1, 0.1723), (.worse, 0.4021),
    ] {
      let share = Double(labels.mislabelled(annotation, among: all).count) / 50_000
      #expect(abs(share - noise) < 2.5e-4)
    }
    #expect(try images.dataSet(pooling: 4, of: Float.self).features.columns == 192)
  }
}
