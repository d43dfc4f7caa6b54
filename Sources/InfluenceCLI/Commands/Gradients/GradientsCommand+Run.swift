import ArgumentParser
import Foundation
import InfluenceKit
import Reporting

/// Trains the model of `influence gradients`, and writes what was asked for.
struct GradientsRun {
  /// What is trained.
  enum Model: String, CaseIterable {
    case lora, perceptron, softmax
  }

  /// Whose labels Kronecker factors are of.
  enum Factors: String, CaseIterable {
    case empirical, sampled
  }

  /// Training examples with some wrong labels, and queries, which are the test examples.
  typealias Parts = ExampleParts<TabularDataSet<Double>>

  let options: GradientsCommand

  /// The data, checked before any work.
  func parts() throws -> Parts {
    var examples = MislabelledExamples<Double>()
    examples.flippedFraction = options.flip
    if options.smallModel != .lora { examples.baseCount = 0 }
    if let path = options.data, let label = options.texts.label {
      let url = URL(filePath: path)
      guard FileManager.default.fileExists(atPath: url.path) else {
        throw Failure.noInput("\(path): there is no such file")
      }
      guard let text = try? String(contentsOf: url, encoding: .utf8) else {
        throw Failure.data("\(path): the file is not UTF-8 text; save it as a table with commas")
      }
      do {
        examples.pool = try TabularDataSet(csv: text, labelColumn: label)
      } catch {
        throw Failure.data("\(path): \(error)")
      }
      examples.trainingCount = examples.pool.count * 4 / 5
      examples.queryCount = examples.pool.count - (options.train ?? examples.trainingCount)
      // Digits have one scale; the columns of a table each their own.
      examples.standardizes = true
    }
    if let train = options.train { examples.trainingCount = train }
    if let queries = options.queries { examples.queryCount = queries }
    return try examples.parts(seed: options.seed)
  }

  /// Trains and writes.
  ///
  /// - Parameters:
  ///   - parts: What is trained on, and what is asked.
  ///   - folder: Where everything is written.
  ///   - shown: What the folder is called in the end.
  ///   - progress: Called as work is done.
  /// - Returns: What to tell the user.
  func write(
    _ parts: Parts, to folder: URL, shown: String, progress: @escaping ProgressHandler
  ) throws -> [String] {
    let trained = try trained(parts, progress)
    var lines = try write(trained.model, parts, to: folder, shown, progress)
    if let count = options.dropoutMembers, var member = trained.model as? TrainedPerceptron<Double>
    {
      let members = try Dropout.members(
        count: count, maximum: options.dropoutMaximum, seed: options.seed)
      for (index, dropout) in members.enumerated() {
        member.dropout = dropout
        try stores(of: member, parts, to: folder.appending(path: "members/\(index)"), progress)
      }
      let rates = members.map { NumberFormat.significant($0.rate) }.joined(separator: ", ")
      lines.append("\(shown)/members: \(count) members with dropout rates \(rates)")
    }
    for (epoch, model) in trained.checkpoints {
      try stores(
        of: model, parts, to: folder.appending(path: "checkpoints/epoch-\(epoch)"), progress)
    }
    if !trained.checkpoints.isEmpty {
      let arguments = trained.checkpoints.map {
        "--checkpoint \(shown)/checkpoints/epoch-\($0.epoch):\(options.learningRate)"
      }
      lines.append("for TracIn: \(arguments.joined(separator: " "))")
    }
    return lines
  }

  /// What is written of the trained model itself.
  private func write(
    _ model: some NetworkModel<Double>, _ parts: Parts, to folder: URL, _ shown: String,
    _ progress: @escaping ProgressHandler
  ) throws -> [String] {
    let accuracy = try model.network.accuracy(on: parts.test)
    try stores(of: model, parts, to: folder, progress)
    let flipped: OrderedJSON = ["flipped": .array(parts.wrongRows.sorted().map { .integer($0) })]
    try AtomicFile.write(
      try flipped.sealed().serialized(.indented) + "\n", to: folder.appending(path: "flipped.json"))
    var lines = [
      "\(shown)/train, \(shown)/query: \(parts.training.count) training rows (\(parts.wrongRows.count) labels flipped) and \(parts.test.count) queries × \(model.layout.columnCount) columns in \(model.layout.count) blocks; test accuracy \(NumberFormat.decimals(accuracy, 3))"
    ]
    lines += try writeCurvature(of: model, parts, to: folder, shown, progress)
    if options.representations {
      progress("representations", 0)
      try StoredRepresentations.write(
        of: model.network, parts.training, parts.test, penalty: options.penalty, to: folder)
      lines.append(
        "\(shown)/train, \(shown)/query: \(Representations.fileName) of \(model.network.lastLayerInputs) features, beside train a last layer with the penalty \(NumberFormat.significant(options.penalty))"
      )
    }
    if options.margins {
      let margins = folder.appending(path: "margins")
      try stores(of: model, target: .margin, parts, to: margins, progress)
      try LabelProbabilities(values: try model.network.labelProbabilities(of: parts.training))
        .write(to: margins.appending(path: "train"))
      lines.append("\(shown)/margins: gradients of log p/(1 − p), with p of the training rows")
    }
    return lines
  }

  private struct Trained {
    let model: any NetworkModel<Double>
    var checkpoints: [(epoch: Int, model: TrainedPerceptron<Double>)] = []
  }

  private func trained(_ parts: Parts, _ progress: @escaping ProgressHandler) throws -> Trained {
    switch options.smallModel {
    case .lora:
      return Trained(
        model: try PerceptronPlan().trained(on: parts, seed: options.seed, progress: progress))
    case .softmax:
      progress("training", 0)
      return Trained(
        model: try SoftmaxRegression(
          trainedOn: parts.training, settings: NewtonSettings(regularization: options.penalty)))
    case .perceptron, nil: return try perceptron(parts, progress)
    }
  }

  /// A perceptron from random weights, kept at some epochs.
  private func perceptron(
    _ parts: Parts, _ progress: @escaping ProgressHandler
  ) throws -> Trained {
    // The last epoch, and others at equal distances before it.
    let count = options.checkpoints ?? 0
    let kept = Set((0..<count).map { options.epochs - $0 * options.epochs / count })
    var checkpoints: [(epoch: Int, model: TrainedPerceptron<Double>)] = []
    let model = try TrainedPerceptron<Double>(
      sizes: [parts.training.features.columns] + options.hidden + [parts.training.classCount],
      settings: TrainingSettings(epochs: options.epochs, learningRate: options.learningRate)
    ).trained(on: parts.training, seed: options.seed) { epoch, _, model in
      if kept.contains(epoch) { checkpoints.append((epoch, model)) }
      progress("training", Double(epoch) / Double(options.epochs))
    }
    return Trained(model: model, checkpoints: checkpoints)
  }

  /// Writes `train` and `query` in a folder; dropout draws other masks for each.
  private func stores(
    of model: some NetworkModel<Double>, target: GradientTarget = .loss, _ parts: Parts,
    to folder: URL, _ progress: @escaping ProgressHandler
  ) throws {
    for (number, (name, data)) in [("train", parts.training), ("query", parts.test)].enumerated() {
      try model.drawing(UInt64(number)).writeGradients(
        of: data, target: target, to: folder.appending(path: name),
        provenance: [
          "model": options.model, "seed": "\(options.seed)",
          "gradient_of": target.rawValue, "dropout_rate": "\(model.dropout?.rate ?? 0)",
        ]
      ) { progress("gradients", $0) }
    }
    if target == .loss {
      try model.optimizerMoments?.write(of: model.layout, to: folder.appending(path: "train"))
    }
  }

  /// Writes what the model knows of its curvature beside the training gradients.
  private func writeCurvature(
    of model: some NetworkModel<Double>, _ parts: Parts, to folder: URL, _ shown: String,
    _ progress: @escaping ProgressHandler
  ) throws -> [String] {
    var kinds: CurvatureKinds = options.hessian ? [.hessian, .gaussNewton] : []
    if options.factors != nil { kinds.insert(.kroneckerFactors) }
    guard !kinds.isEmpty else { return [] }
    progress("curvature", 0)
    let labels: FisherLabels =
      options.factors == .sampled ? .sampled(seed: options.seed) : .empirical
    var metadata = ["fisher": labels.name, "examples": "\(parts.training.count)"]
    if model.penalty > 0 { metadata["regularization"] = "\(model.penalty)" }
    try model.curvature(over: parts.training, kinds, labels: labels, metadata: metadata)
      .write(to: folder.appending(path: "train"))
    var held: [String] = []
    if options.factors != nil { held.append("Kronecker factors (\(labels.name) labels)") }
    if options.hessian { held.append("Hessian and Gauss–Newton matrix") }
    return ["\(shown)/train/\(StoredCurvature.fileName): \(held.joined(separator: ", "))"]
  }
}
