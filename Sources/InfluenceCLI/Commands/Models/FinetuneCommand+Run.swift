import Foundation
import InfluenceKit
import OrderedCollections

/// What `influence finetune` trains, and on what.
struct FinetuneRun {
  let options: FinetuneCommand
  let checkpoint: Checkpoint
  let examples: FinetuneExamples
  private let texts: TextEncoding
  private let heldOut: TextEncoding?
  private let training: FineTuning<LanguageModel>

  /// Opens the model and reads all texts, before anything is written.
  init(_ options: FinetuneCommand) throws {
    self.options = options
    let checkpoint = try Checkpoint(opening: URL(filePath: options.model))
    try options.texts.check(checkpoint)
    self.checkpoint = checkpoint
    let examples = try FinetuneExamples(options, labelNames: checkpoint.trainedLabels)
    self.examples = examples
    let labelCount = checkpoint.isClassifier ? examples.training.labelNames.count : nil
    if labelCount == 1 {
      throw Failure.data(
        "\(options.data): all texts are of the class \(examples.training.labelNames[0]); give texts of two classes at least"
      )
    }
    let tokenizer = try checkpoint.tokenizer()
    func encode(_ examples: TextExamples) throws -> TextEncoding {
      try TextEncoding(
        of: examples, tokenizer: tokenizer, checkpoint: checkpoint, labelCount: labelCount,
        settings: options.texts.encoding)
    }
    let texts = try encode(examples.training)
    let heldOut = try examples.heldOut.map(encode)
    self.texts = texts
    self.heldOut = heldOut
    let adapter = try Adapter(
      for: checkpoint, configuration: Self.configuration(options, checkpoint),
      labelCount: labelCount, seed: options.seed)
    let budget = options.memory?.bytes ?? MachineMemory.bytes / 4
    var model = try LanguageModel(
      checkpoint, adapter: adapter, keepsWeights: checkpoint.weightBytes <= budget)
    model.adapterDropout = options.dropout
    model.trainingReduction = options.texts.lossReduction
    try model.check(texts.sequences)
    try model.check(heldOut?.sequences ?? [])
    training = try FineTuning(
      model, on: texts.sequences,
      settings: FineTuningSettings(
        epochs: options.epochs, batchSize: options.batch, accumulation: options.accumulate,
        learningRate: options.learningRate, warmup: options.warmup,
        weightDecay: options.weightDecay, largestNorm: options.clip, seed: options.seed,
        checkpoints: options.checkpoints))
  }

  private static func configuration(
    _ options: FinetuneCommand, _ checkpoint: Checkpoint
  ) throws -> LoRAConfiguration {
    let targets: LoRAConfiguration.Targets
    switch options.targets {
    case nil: targets = .names(checkpoint.queryAndValueMaps)
    case "none": targets = .names([])
    case let text?: targets = .init(parsing: text)
    }
    return LoRAConfiguration(
      rank: options.rank, alpha: options.alpha, dropout: options.dropout, targets: targets,
      modulesToSave: checkpoint.missingPooler.map { [$0] } ?? [],
      task: checkpoint.isClassifier ? .classification : .languageModel, baseModel: options.model)
  }

  /// What a kept state must be of, by what it is called in errors.
  private var identity: OrderedDictionary<String, String> {
    var identity: OrderedDictionary<String, String> = [
      "model": checkpoint.url.standardizedFileURL.path,
      "texts": examples.training.fingerprint.description,
      "held-out texts": examples.heldOut?.fingerprint.description ?? "none",
    ]
    for (name, value) in settings.object ?? [:] {
      identity[name.replacingOccurrences(of: "_", with: " ")] = (try? value.serialized()) ?? ""
    }
    return identity
  }

  /// All options that decide the result.
  private var settings: OrderedJSON {
    let texts = options.texts
    return [
      "rank": .integer(options.rank), "alpha": .number(options.alpha),
      "dropout": .number(options.dropout),
      "targets": .text(options.targets), "epochs": .integer(options.epochs),
      "batch": .integer(options.batch), "accumulate": .integer(options.accumulate),
      "learning_rate": .number(options.learningRate), "warmup": .number(options.warmup),
      "weight_decay": .number(options.weightDecay), "clip": .number(options.clip),
      "flip": .number(options.flip), "hold_out": .finite(options.holdOut),
      "checkpoints": .integer(options.checkpoints), "seed": .string("\(options.seed)"),
      "max_length": .integer(texts.maxLength ?? checkpoint.longestText),
      "loss_on": .text(texts.lossOn?.rawValue),
      "loss_reduction": .string(texts.lossReduction.rawValue),
      "end": texts.end.map { .boolean($0) } ?? .null,
      "fields": [
        "text": .text(texts.text), "text_pair": .text(texts.textPair),
        "prompt": .text(texts.prompt), "label": .text(texts.label), "id": .text(texts.id),
      ],
    ]
  }

  /// Trains, and writes everything.
  ///
  /// - Parameters:
  ///   - folder: Where results go; the state too, while there is something to go on with.
  ///   - progress: Is told how far the training is; nil where nothing is drawn.
  func train(into folder: ResultFolder, progress: ProgressHandler?) throws -> FinetuneOutcome {
    var training = training
    let names = training.model.adapter.layout.blocks.map(\.name)
    let state = folder.unfinished.appending(path: FineTuningState.fileName)
    let identity = identity
    if folder.isResumable {
      training.restore(
        try FineTuningState(
          opening: state, names: names, sizes: training.model.adapter.layout.blocks.map(\.width),
          plan: training.plan, identity: identity))
    }
    let firstStep = training.progress.step
    let shown = Console.shortened(folder.url.path)
    Interruption.leaves {
      FileManager.default.fileExists(atPath: state.path)
        ? "\(shown).part has what was learnt; add --resume to go on" : Interruption.nothing
    }
    let start = ContinuousClock.now
    var speed: Double?
    do {
      try training.run(
        heldOut: heldOut?.sequences ?? [],
        observers: .init(
          keep: { try $0.write(to: state, names: names, identity: identity) },
          checkpoint: { checkpoint, model, moments in
            let place = folder.unfinished.appending(path: checkpoint.folderName)
            try model.adapter.write(to: place)
            try moments?.write(of: model.adapter.layout, to: place)
            try AtomicFile.write(
              OrderedJSONEncoder().encode(checkpoint).sealed().serialized(.indented) + "\n",
              to: place.appending(path: TrainingCheckpoint.fileName))
          },
          report: { report in
            speed = report.tokensPerSecond
            progress?(report.line, Double(report.step) / Double(report.stepCount))
          }))
    } catch let error as FineTuningError {
      // It would diverge again from there.
      if case .diverged = error { try? FileManager.default.removeItem(at: state) }
      throw error
    }
    let outcome = FinetuneOutcome(
      training: training, learnt: examples.training, heldOut: examples.heldOut,
      flippedCount: examples.flippedRows?.count, truncated: texts.truncatedRows.count,
      firstStep: firstStep, seconds: (ContinuousClock.now - start) / .seconds(1), speed: speed)
    let adapter = training.model.adapter
    try adapter.write(to: folder.unfinished)
    try training.optimizerMoments?.write(of: adapter.layout, to: folder.unfinished)
    try examples.write(to: folder.unfinished)
    try AtomicFile.write(
      outcome.record(
        model: options.model, data: options.data, test: options.test, settings: settings,
        truncatedRows: texts.truncatedRows
      ).sealed().serialized(.indented) + "\n",
      to: folder.unfinished.appending(path: "training.json"))
    return outcome
  }
}
