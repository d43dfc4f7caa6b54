import ArgumentParser
import Foundation
import InfluenceKit
import Reporting

/// What `influence gradients` does with a language model: the gradients of texts by an adapter's parameters.
struct ModelGradients {
  let options: GradientsCommand
  private let opened: ModelTexts
  private let settings: LanguageModel.StoreSettings

  /// Opens the model, its adapter and the texts, before anything is written.
  init(_ options: GradientsCommand, adapter: String, data: String) throws {
    self.options = options
    let companions = options.companions
    opened = try ProgressBar.during(quiet: options.quiet) {
      try ModelTexts(
        model: options.model, adapter: adapter, data: data, options.texts,
        blocks: options.selectBlocks,
        companions: companions, memory: options.memory, answerLength: options.generate, progress: $0
      )
    }
    var settings = LanguageModel.StoreSettings()
    settings.measure = options.measure
    settings.reduction = options.texts.lossReduction
    settings.elementType = options.dtype
    settings.batchTokens = opened.memory.batchTokens
    settings.batchTexts = opened.memory.batchTexts
    settings.companions = companions
    settings.optimizer = try OptimizerMoments(ifIn: URL(filePath: adapter))
    settings.provenance = try opened.provenance(
      measure: options.measure, reduction: options.texts.lossReduction)
    if let generate = options.generate { settings.provenance["generated"] = "\(generate)" }
    self.settings = settings
  }

  /// Writes the store, or one for each member of an ensemble under dropout.
  ///
  /// - Returns: What to tell the user.
  func run() throws -> [String] {
    guard let members = options.dropoutMembers else {
      return [try write(URL(filePath: options.output), settings)] + companions + notes
    }
    let output = URL(filePath: options.output)
    // Before any folder is made.
    try RealPath.refuse(
      output.deletingLastPathComponent().path,
      inside: [options.model, options.adapter].compactMap(\.self), option: "--output")
    // Training texts and queries draw other masks.
    let seed = ContentHash(of: "\(options.seed) \(opened.examples.fingerprint)").word
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
    var end = start
    let before = try ProgressBar.during(quiet: options.quiet) { progress in
      try opened.model.writeGradients(
        of: opened.texts.sequences,
        LanguageModel.StoredTexts(
          ids: opened.examples.ids, texts: opened.shown,
          labels: opened.labels),
        to: destination.url, settings: settings
      ) { what, share in
        progress?("\(what) of \(opened.examples.count) texts", share)
        if what == "gradients" { end = .now }
      }
    }
    let seconds = (end - start) / .seconds(1)
    let layout = opened.model.adapter.gradientLayout
    let tokens = opened.texts.sequences[before...].reduce(0) { $0 + $1.tokens.count }
    let earlier = before > 0 ? " (\(before) of them earlier)" : ""
    let speed = NumberFormat.significant(Double(tokens) / max(seconds, 1e-9))
    let taken = tokens > 0 ? "; \(tokens) tokens, \(speed) per second" : ""
    return
      "\(shown): gradients of the \(settings.measure.rawValue) of \(opened.examples.count) texts\(earlier) × \(layout.columnCount) columns in \(layout.count) blocks\(taken)"
  }

  /// What lies beside the gradients.
  private var companions: [String] {
    let folder = Console.shortened(URL(filePath: options.output).path)
    var lines: [String] = []
    if settings.companions.representations {
      let head =
        opened.model.labelCount == nil
        ? "no classes"
        : "a last layer with the penalty \(NumberFormat.significant(options.penalty))"
      lines.append(
        "\(folder)/\(Representations.fileName): what the last layer reads of each text, with \(head)"
      )
    }
    if let labels = settings.companions.factors {
      lines.append(
        "\(folder)/\(StoredCurvature.fileName): Kronecker factors of \(Counted(opened.model.adapter.gradientLayout.count, "block")) (\(labels.name) labels)"
      )
    }
    return lines
  }

  private var notes: [String] {
    let cut = opened.texts.truncatedRows.count
    var notes = cut == 0 ? [] : ["\(Counted(cut, "text")) cut at the end, to the most tokens"]
    if !opened.memory.keepsWeights {
      notes.append("weights were converted for each batch; more --memory keeps them")
    }
    return notes
  }
}

extension GradientsCommand {
  /// What a language model writes beside gradients.
  fileprivate var companions: StoreCompanions {
    var companions = StoreCompanions()
    companions.representations = representations
    companions.headPenalty = penalty
    companions.factors = factors.map { $0 == .sampled ? .sampled(seed: seed) : .empirical }
    return companions
  }
}
