import ArgumentParser
import Foundation
import InfluenceKit
import Reporting

/// What `influence gradients` does with a language model: the gradients of texts by an adapter's parameters.
struct ModelGradients {
  let options: GradientsCommand
  private let examples: TextExamples
  private let texts: TextEncoding
  private let model: LanguageModel
  private let settings: LanguageModel.StoreSettings
  private let memory: PassMemory

  /// Opens the model, its adapter and the texts, before anything is written.
  init(_ options: GradientsCommand, adapter path: String, data: String) throws {
    self.options = options
    let checkpoint = try Checkpoint(opening: URL(filePath: options.model))
    try options.texts.check(checkpoint)
    let adapter = try Adapter(opening: URL(filePath: path), for: checkpoint)
    let labelCount = try LanguageModel(checkpoint, adapter: adapter, keepsWeights: false)
      .labelCount
    let names = try checkpoint.trainedLabels ?? Self.recordedLabels(of: path, count: labelCount)
    examples = try TextExamples(
      reading: URL(filePath: data), fields: options.texts.fields(), labelNames: names)
    if let labelCount, names == nil, examples.labelNames.contains(where: { Int($0) == nil }) {
      throw Failure.data(
        "\(data): \(options.texts.label ?? "") holds names, and \(path) does not say which of its \(labelCount) classes each is; give the classes as numbers from 0"
      )
    }
    texts = try TextEncoding(
      of: examples, tokenizer: checkpoint.tokenizer(), checkpoint: checkpoint,
      labelCount: labelCount, settings: options.texts.encoding)
    memory = try PassMemory(
      checkpoint, adapter: adapter, texts: texts.sequences,
      budget: options.memory?.bytes ?? MachineMemory.bytes / 4, threads: Parallelism.threads)
    model = try LanguageModel(checkpoint, adapter: adapter, keepsWeights: memory.keepsWeights)
    try model.check(texts.sequences)
    var settings = LanguageModel.StoreSettings()
    settings.measure = options.measure
    settings.reduction = options.texts.lossReduction
    settings.elementType = options.dtype
    settings.batchTokens = memory.batchTokens
    settings.batchTexts = memory.batchTexts
    settings.provenance = [
      "kind": "language model", "model": checkpoint.url.standardizedFileURL.lastPathComponent,
      "weights": "\(try Self.hash(checkpoint))",
      "family": checkpoint.configuration.family,
      "adapter": "\(Self.hash(adapter))",
      "texts": "\(examples.fingerprint)", "measure": options.measure.rawValue,
      "reduction": options.texts.lossReduction.rawValue,
      "tokens": "\(Self.hash(texts.sequences))",
    ]
    self.settings = settings
  }

  private static func hash(_ adapter: Adapter) -> ContentHash {
    var hash = ContentHash()
    for module in adapter.modules {
      for byte in module.name.utf8 { hash.update(byte) }
      hash.update([module.scale])
    }
    for parameter in adapter.parameters { hash.update(parameter.elements.map { Double($0) }) }
    return hash
  }

  /// Of the names and shapes of all tensors, and of the first row of each.
  private static func hash(_ checkpoint: Checkpoint) throws -> ContentHash {
    var hash = ContentHash()
    for name in checkpoint.tensorNames {
      for byte in name.utf8 { hash.update(byte) }
      let shape = try checkpoint.shape(of: name)
      hash.update(shape)
      guard !checkpoint.unusedTensors.contains(name), shape.allSatisfy({ $0 > 0 }) else { continue }
      hash.update(try checkpoint.rows(of: name, 0..<1).elements.map { Double($0) })
    }
    return hash
  }

  /// The names of the classes that `influence finetune` wrote beside an adapter; nil for adapters of other programs.
  private static func recordedLabels(of path: String, count: Int?) throws -> [String]? {
    let url = URL(filePath: path).appending(path: "training.json")
    guard count != nil, FileManager.default.fileExists(atPath: url.path),
      let labels = try OrderedJSON(contentsOf: url)["labels"]?.array, labels.count == count
    else { return nil }
    return labels.compactMap(\.string)
  }

  private static func hash(_ texts: [TokenSequence]) -> ContentHash {
    var hash = ContentHash()
    for text in texts { hash.update([text.tokens.count, text.predictedCount] + text.tokens) }
    return hash
  }

  /// Writes the store, or one for each member of an ensemble under dropout.
  ///
  /// - Returns: What to tell the user.
  func run() throws -> [String] {
    guard let members = options.dropoutMembers else {
      return [try write(URL(filePath: options.output), settings)] + notes
    }
    let output = URL(filePath: options.output)
    // Before any folder is made.
    try RealPath.refuse(
      output.deletingLastPathComponent().path,
      inside: [options.model, options.adapter].compactMap(\.self), option: "--output")
    // Training texts and queries draw other masks.
    let seed = ContentHash(of: "\(options.seed) \(examples.fingerprint)").word
    var lines: [String] = []
    for member in 0..<members {
      var settings = settings
      // Member 0 drops nothing; the others have rates that rise to the largest.
      let rate = options.dropoutMaximum * Double(member) / Double(max(members - 1, 1))
      if member > 0 {
        settings.dropout = DropoutStream(seed: seed, step: UInt64(member))
        settings.dropoutRate = rate
        settings.provenance["dropout"] = NumberFormat.significant(rate)
        settings.provenance["seed"] = "\(options.seed)"
      }
      let folder = output.deletingLastPathComponent().appending(path: "\(member)")
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
      lines.append(
        try write(folder.appending(path: output.lastPathComponent), settings)
          + " under dropout \(NumberFormat.significant(rate))")
    }
    return lines + notes
  }

  private func destination(_ url: URL) throws -> StoreDestination {
    try StoreDestination(
      url.path, sources: [options.model, options.adapter, options.data].compactMap(\.self))
  }

  private func write(
    _ url: URL, _ settings: LanguageModel.StoreSettings
  ) throws -> String {
    let destination = try destination(url)
    let shown = Console.shortened(url.path)
    Interruption.leavesStore(url.path)
    let start = ContinuousClock.now
    let before = try ProgressBar.during(quiet: options.quiet) { progress in
      try model.writeGradients(
        of: texts.sequences,
        LanguageModel.StoredTexts(
          ids: examples.ids, texts: shownTexts,
          labels: examples.labels.map { labels in labels.map { examples.labelNames[$0] } }),
        to: destination.url, settings: settings
      ) { progress?("gradients of \(examples.count) texts", $0) }
    }
    let seconds = (ContinuousClock.now - start) / .seconds(1)
    let layout = model.adapter.layout
    let tokens = texts.sequences[before...].reduce(0) { $0 + $1.tokens.count }
    let earlier = before > 0 ? " (\(before) of them earlier)" : ""
    return
      "\(shown): gradients of the \(settings.measure.rawValue) of \(examples.count) texts\(earlier) × \(layout.columnCount) columns in \(layout.count) blocks; \(tokens) tokens, \(NumberFormat.significant(Double(tokens) / max(seconds, 1e-9))) per second"
  }

  /// What is shown of each example beside scores: prompt and text as one, or the two texts of a pair.
  private var shownTexts: [String] {
    examples.texts.indices.map { place in
      (examples.prompts?[place] ?? "") + examples.texts[place]
        + (examples.pairs.map { " ⏎ \($0[place])" } ?? "")
    }
  }

  private var notes: [String] {
    let cut = texts.truncatedRows.count
    var notes = cut == 0 ? [] : ["\(Counted(cut, "text")) cut at the end, to the most tokens"]
    if !memory.keepsWeights {
      notes.append("weights were converted for each batch; more --memory keeps them")
    }
    return notes
  }
}
