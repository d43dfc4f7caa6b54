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

  /// Training examples with some wrong labels, and queries.
  struct Parts {
    let training: TabularDataSet<Double>
    let queries: TabularDataSet<Double>
    let flippedRows: [Int]
  }

  let options: GradientsCommand

  /// The data, checked before any work; those of adapters follow from the digits task.
  func parts() throws -> Parts? {
    guard options.model != .lora else { return nil }
    let all: TabularDataSet<Double>
    if let path = options.data, let label = options.label {
      let url = URL(filePath: path)
      guard FileManager.default.fileExists(atPath: url.path) else {
        throw Failure.noInput("\(path): there is no such file")
      }
      guard let text = try? String(contentsOf: url, encoding: .utf8) else {
        throw Failure.data("\(path): the file is not UTF-8 text; save it as a table with commas")
      }
      do {
        all = try TabularDataSet<Double>(csv: text, labelColumn: label)
      } catch {
        throw Failure.data("\(path): \(error)")
      }
    } else {
      all = Digits.dataSet(of: Double.self)
    }
    let train = options.train ?? (options.data == nil ? 1000 : all.count * 4 / 5)
    let queries = options.queries ?? (options.data == nil ? 200 : all.count - train)
    let split = try all.split(counts: [train, queries], seed: options.seed)
    // Digits have one scale; the columns of a table each their own.
    let isTable = options.data != nil
    let clean = isTable ? split[0].standardized() : split[0]
    let (noisy, flipped) = try clean.flippingLabels(fraction: options.flip, seed: options.seed)
    return Parts(
      training: noisy, queries: isTable ? split[1].standardized(by: split[0]) : split[1],
      flippedRows: flipped)
  }

  /// Trains and writes.
  ///
  /// - Returns: What to tell the user.
  func write(
    _ parts: Parts?, to folder: URL, progress: @escaping ProgressHandler
  ) throws -> [String] {
    let (model, parts, checkpoints) = try trained(parts, progress)
    let gradients = PerExampleGradients(of: model)
    let accuracy = try model.accuracy(on: parts.queries)
    try stores(of: gradients, parts, to: folder, progress)
    let flipped: OrderedJSON = ["flipped": .array(parts.flippedRows.map { .integer($0) })]
    try AtomicFile.write(
      try flipped.serialized(.indented) + "\n", to: folder.appending(path: "flipped.json"))
    let shown = Console.shortened(folder.path)
    var lines = [
      "\(shown)/train, \(shown)/query: \(parts.training.count) training rows (\(parts.flippedRows.count) labels flipped) and \(parts.queries.count) queries × \(gradients.layout.columnCount) columns in \(gradients.layout.count) blocks; test accuracy \(NumberFormat.decimals(accuracy, 3))"
    ]
    lines += try writeCurvature(of: model, parts, to: folder, shown, progress)
    if options.representations {
      progress("representations", 0)
      try StoredRepresentations.write(
        of: model, parts.training, parts.queries, penalty: options.penalty, to: folder)
      lines.append(
        "\(shown)/train, \(shown)/query: \(Representations.fileName) of \(model.lastLayerInputs) features, beside train a last layer with the penalty \(NumberFormat.significant(options.penalty))"
      )
    }
    if options.margins {
      let margins = folder.appending(path: "margins")
      try stores(of: PerExampleGradients(of: model, target: .margin), parts, to: margins, progress)
      let probabilities = try model.labelProbabilities(of: parts.training)
      try LabelProbabilities(values: probabilities).write(to: margins.appending(path: "train"))
      lines.append("\(shown)/margins: gradients of log p/(1 − p), with p of the training rows")
    }
    if let count = options.dropoutMembers {
      let members = try Dropout.members(
        count: count, maximum: options.dropoutMaximum, seed: options.seed)
      for (index, member) in members.enumerated() {
        try stores(
          of: PerExampleGradients(of: model, dropout: member), parts,
          to: folder.appending(path: "members/\(index)"), progress)
      }
      let rates = members.map { NumberFormat.significant($0.rate) }.joined(separator: ", ")
      lines.append("\(shown)/members: \(count) members with dropout rates \(rates)")
    }
    for (epoch, model) in checkpoints {
      try stores(
        of: PerExampleGradients(of: model), parts,
        to: folder.appending(path: "checkpoints/epoch-\(epoch)"), progress)
    }
    if !checkpoints.isEmpty {
      let arguments = checkpoints.map {
        "--checkpoint \(shown)/checkpoints/epoch-\($0.epoch):\(options.learningRate)"
      }
      lines.append("for TracIn: \(arguments.joined(separator: " "))")
    }
    return lines
  }

  private typealias Trained = (
    model: MultilayerPerceptron<Double>, parts: Parts,
    checkpoints: [(epoch: Int, model: MultilayerPerceptron<Double>)]
  )

  private func trained(_ parts: Parts?, _ progress: @escaping ProgressHandler) throws -> Trained {
    guard let parts else {
      var task = DigitsTask()
      task.seed = options.seed
      task.flippedFraction = options.flip
      if let train = options.train { task.trainingCount = train }
      if let queries = options.queries { task.queryCount = queries }
      let epochs = Double(task.fineTuning.epochs)
      let outcome = try task.run(in: Double.self) { stage, epoch, _ in
        progress(stage, min(1, Double(epoch) / epochs))
      }
      return (
        outcome.model,
        Parts(
          training: outcome.training, queries: outcome.queries, flippedRows: outcome.flippedRows),
        []
      )
    }
    guard options.model == .perceptron else {
      progress("training", 0)
      let model = try SoftmaxRegression(
        trainedOn: parts.training, settings: NewtonSettings(regularization: options.penalty))
      return (model.model, parts, [])
    }
    var trainer = try Trainer(
      MultilayerPerceptron<Double>(
        sizes: [parts.training.features.columns] + options.hidden + [parts.training.classCount],
        seed: options.seed),
      on: parts.training,
      settings: TrainingSettings(
        epochs: options.epochs, learningRate: options.learningRate, seed: options.seed))
    // The last epoch, and others at equal distances before it.
    let count = options.checkpoints ?? 0
    let kept = Set((0..<count).map { options.epochs - $0 * options.epochs / count })
    var checkpoints: [(epoch: Int, model: MultilayerPerceptron<Double>)] = []
    while trainer.epoch < options.epochs {
      try trainer.runEpoch()
      if kept.contains(trainer.epoch) { checkpoints.append((trainer.epoch, trainer.model)) }
      progress("training", Double(trainer.epoch) / Double(options.epochs))
    }
    return (trainer.model, parts, checkpoints)
  }

  /// Writes `train` and `query` in a folder; dropout draws other masks for each.
  private func stores(
    of gradients: PerExampleGradients<Double>, _ parts: Parts, to folder: URL,
    _ progress: ProgressHandler
  ) throws {
    for (number, (name, data)) in [("train", parts.training), ("query", parts.queries)].enumerated()
    {
      let drawn = PerExampleGradients(
        of: gradients.model, target: gradients.target,
        dropout: gradients.dropout?.varied(by: UInt64(number)))
      let writer = try GradientStoreWriter(
        creating: folder.appending(path: name), layout: gradients.layout,
        provenance: [
          "model": options.model.rawValue, "seed": "\(options.seed)",
          "gradient_of": gradients.target.rawValue,
          "dropout_rate": "\(gradients.dropout?.rate ?? 0)",
        ])
      try drawn.forEachBatch(of: data) { rows, blocks, losses in
        try writer.append(blocks, ids: rows.map { "\(data.ids[$0])" }, losses: losses)
        progress("gradients", Double(rows.upperBound) / Double(data.count))
      }
      try writer.finish()
    }
  }

  /// Writes what the model knows of its curvature beside the training gradients.
  private func writeCurvature(
    of model: MultilayerPerceptron<Double>, _ parts: Parts, to folder: URL, _ shown: String,
    _ progress: ProgressHandler
  ) throws -> [String] {
    guard options.factors != nil || options.hessian else { return [] }
    progress("curvature", 0)
    let labels: FisherLabels =
      options.factors == .sampled ? .sampled(seed: options.seed) : .empirical
    let factors =
      options.factors == nil ? [] : try model.kroneckerFactors(over: parts.training, labels: labels)
    var hessian = options.hessian ? try model.hessian(over: parts.training) : nil
    var gaussNewton = options.hessian ? try model.gaussNewton(over: parts.training) : nil
    var metadata = ["fisher": labels.name, "examples": "\(parts.training.count)"]
    if options.model == .softmax {
      hessian?.addToDiagonal(options.penalty)
      gaussNewton?.addToDiagonal(options.penalty)
      metadata["regularization"] = "\(options.penalty)"
    }
    try StoredCurvature(
      kronecker: factors, hessian: hessian, gaussNewton: gaussNewton, metadata: metadata
    ).write(to: folder.appending(path: "train"))
    var held: [String] = []
    if options.factors != nil { held.append("Kronecker factors (\(labels.name) labels)") }
    if options.hessian { held.append("Hessian and Gauss–Newton matrix") }
    return ["\(shown)/train/\(StoredCurvature.fileName): \(held.joined(separator: ", "))"]
  }
}
