import Gradients

/// How a model goes through texts within a budget of memory.
///
/// All weights are kept in single precision where they leave room for batches; otherwise each core converts one layer at
/// a time. What is left decides how many tokens a core takes at a time.
public struct PassMemory: Sendable, Hashable {
  /// Whether all weights are kept in single precision.
  public let keepsWeights: Bool
  /// The most tokens that a core takes at a time, or one text.
  public let batchTokens: Int
  /// The most texts that a core takes at a time: twice as many as have that many tokens on average.
  public let batchTexts: Int
  /// About how many bytes that takes, all cores together.
  public let bytes: Int

  /// Plans passes that take gradients of each text.
  ///
  /// - Parameters:
  ///   - checkpoint: The weights.
  ///   - adapter: What is trained beside them.
  ///   - texts: At least one.
  ///   - companions: What is written beside the gradients.
  ///   - whole: The most bytes.
  ///   - threads: The cores that are used.
  /// - Throws: ``TextError/tooLittleMemory(row:tokens:needed:budget:)`` where not even one text at a time fits, and
  ///   ``TextError/tooLittleMemoryBeside(what:needed:budget:)`` where that is for what is written beside.
  public init(
    _ checkpoint: Checkpoint, adapter: Adapter, texts: [TokenSequence],
    companions: StoreCompanions = StoreCompanions(), budget whole: Int, threads: Int
  ) throws(TextError) {
    let configuration = checkpoint.configuration
    let layout = adapter.gradientLayout
    let largestLabel = texts.reduce(-1) { largest, text in
      if case .label(let label) = text.goal { max(largest, label) } else { largest }
    }
    let beside = companions.memory(
      texts: texts.count, classes: largestLabel + 1, configuration, layout, threads: threads)
    let budget = max(0, whole - beside.bytes)
    let architecture = checkpoint.family.architecture(configuration)
    let layers = (0..<configuration.layerCount).map(architecture.layer)
    func weights(_ layer: Architecture.Layer) -> Int {
      layer.maps.reduce(0) { $0 + 4 * $1.inputs * $1.outputs }
    }
    let adapted = Set(adapter.gradientModules.map(\.name))
    let firstTrained =
      layers.firstIndex { $0.maps.contains { adapted.contains($0.name) } } ?? layers.count
    // What a layer keeps of a token: what its maps read and make, two normalizations and two sums; one more layer
    // is at work.
    let layerNumbers = layers.first.map { layer in
      layer.maps.reduce(0) { $0 + $1.outputs } + 2 * configuration.intermediateSize
        + configuration.headCount + 6 * configuration.hiddenSize
    }
    let perToken = 4 * (layerNumbers ?? 0) * (layers.count - firstTrained + 2)
    let tokens = texts.reduce(0) { $0 + $1.tokens.count }
    let longest = texts.indices.max { texts[$0].tokens.count < texts[$1].tokens.count } ?? 0
    let longestTokens = texts.isEmpty ? 0 : texts[longest].tokens.count
    // Gradients of two batches for each core wait to be written, of texts that may be shorter than most.
    let rowBytes = 4 * layout.columnCount
    let perTokenRows = max(
      6 * rowBytes * texts.count / max(tokens, 1), 4 * companions.numbersPerToken(layout))
    // Scores of a block of queries, logits of some tokens.
    let fixed =
      8 * AttentionCore.blockRows * longestTokens
      + (architecture.predictsTokens ? 8 * NextTokenHead<Float>.partNumbers(configuration) : 0)
      + 3 * rowBytes
    let all = checkpoint.weightBytes
    let layer = layers.map(weights).max() ?? 0
    let head = 4 * configuration.vocabularySize * configuration.hiddenSize
    func cost(_ tokens: Int, keeps: Bool) -> Int {
      let weights = keeps ? all : threads * (2 * layer + (architecture.predictsTokens ? head : 0))
      return weights + threads * (fixed + tokens * (perToken + perTokenRows))
    }
    let least = max(longestTokens, 1)
    let wanted = max(TextBatch.mostTokens, least)
    // Fewer tokens at a time cost less than weights that are converted for each batch.
    keepsWeights = cost(max(least, 64), keeps: true) <= budget
    let needed = cost(least, keeps: keepsWeights)
    guard needed <= budget else {
      if needed <= whole {
        throw .tooLittleMemoryBeside(
          what: beside.what, needed: needed + beside.bytes, budget: whole)
      }
      throw .tooLittleMemory(row: longest, tokens: longestTokens, needed: needed, budget: whole)
    }
    let perBatchToken = max(1, threads * (perToken + perTokenRows))
    batchTokens = min(wanted, least + (budget - needed) / perBatchToken)
    batchTexts = max(1, 2 * batchTokens * texts.count / max(tokens, 1))
    bytes = cost(batchTokens, keeps: keepsWeights) + beside.bytes
  }
}

extension Architecture {
  /// Whether the head says the next token, rather than a text's label.
  var predictsTokens: Bool {
    if case .nextToken = head { true } else { false }
  }
}
