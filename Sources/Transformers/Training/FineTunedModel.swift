public import Data
public import Gradients
public import LinearAlgebra
public import Models
internal import OrderedCollections
import RealModule
public import TensorFiles

/// A language model with an adapter, and how the adapter is trained: what retraining and experiments ask of a model.
///
/// Every training begins with the adapter that the value was made with; what differs are texts, weights and seed.
public struct FineTunedModel: DifferentiableModel {
  /// The model as it is: before training, with the adapter that trainings begin with.
  public private(set) var model: LanguageModel
  /// How the adapter is trained; the seed is that of each training.
  public let settings: FineTuningSettings
  /// What pairs of low rank drop of what they read while gradients are taken, for a member of an ensemble, and which share of
  /// it, from 0 up to below 1; nothing unless given.
  public var gradientDropout: (stream: DropoutStream, rate: Double)?
  private let start: Adapter
  /// The most bytes that are kept of what enters the first layer with an adapter.
  private let frozenBytes: Int
  /// What the optimizer knew at the end of the training; nil before.
  public private(set) var optimizerMoments: OptimizerMoments?

  /// The most parameters of ``hessian(over:)`` and ``gaussNewton(over:)``.
  public static var mostParameters: Int { 4096 }

  /// Collects a model and how it is trained.
  ///
  /// - Parameters:
  ///   - model: The model, with the adapter that trainings begin with.
  ///   - settings: Epochs, batches, learning rate.
  ///   - frozenBytes: The most bytes that are kept of what enters the first layer with an adapter, which a text has in
  ///     common in all trainings, losses and gradients; further texts are computed anew each time, to the same bits. 0
  ///     keeps nothing; a sixteenth of the machine's memory, a quarter of what a run takes, unless given.
  public init(
    _ model: LanguageModel, settings: FineTuningSettings = FineTuningSettings(),
    frozenBytes: Int? = nil
  ) {
    self.model = model
    self.settings = settings
    self.frozenBytes = frozenBytes ?? MachineMemory.bytes / 16
    start = model.adapter
    self.model.keepFrozenStates(mostBytes: self.frozenBytes)
  }

  /// The adapter's blocks that gradients are taken of.
  public var layout: BlockLayout { model.adapter.gradientLayout }
  /// 0: the decay of AdamW is no part of the loss.
  public var penalty: Double { 0 }

  /// The weights, the adapter that trainings begin with, and how it is trained.
  ///
  /// - Throws: An error of reading weights.
  /// - Complexity: A pass over all weights.
  public var recipe: OrderedJSON {
    get throws {
      var weights = ContentHash(of: "\(model.checkpoint.configuration)")
      for name in model.checkpoint.tensorNames {
        weights.update([name.utf8.count] + name.utf8.map(Int.init))
        weights.update(try model.checkpoint.matrix(name).elements.map { Double($0) })
      }
      var adapter = ContentHash(of: "\(start.modules) \(start.tensors)")
      for parameter in start.parameters { adapter.update(parameter.elements.map { Double($0) }) }
      // Each training has a seed of its own, and what it keeps on the way changes nothing.
      var settings = settings
      (settings.seed, settings.checkpoints) = (0, 0)
      var recipe: OrderedDictionary<String, OrderedJSON> = [
        "model": "fine-tuned", "weights": .string(weights.description),
        "adapter": .string(adapter.description), "dropout": .number(model.adapterDropout),
        "reduction": .string(model.trainingReduction.rawValue),
        "training": try OrderedJSONEncoder().encode(settings),
      ]
      if !model.dropsFrozenLayers { recipe["frozen dropout"] = .boolean(false) }
      return .object(recipe)
    }
  }

  /// The model of other texts, from the same adapter.
  ///
  /// - Parameters:
  ///   - examples: At least one text that fits the model.
  ///   - weights: What each text's gradient is multiplied by; all 1 unless given.
  ///   - seed: Decides the order of texts and what is dropped.
  ///   - progress: Called with the share of the training that is done, from 0 to 1.
  /// - Throws: ``FineTuningError``, ``TextError`` or `ModelError`.
  public func trained(
    on examples: [TokenSequence], weights: [Double]?, seed: UInt64,
    progress: ((Double) -> Void)?
  ) throws -> FineTunedModel {
    var again = self
    again.model.adapter = start
    var settings = settings
    settings.seed = seed
    let training = try again.model.trainAdapter(
      on: examples, weights: weights, settings: settings
    ) { progress?(Double($0.step) / Double($0.stepCount)) }
    again.optimizerMoments = training.optimizerMoments
    return again
  }

  /// Each text's own loss, in nats.
  ///
  /// - Throws: ``TextError``.
  public func losses(of examples: [TokenSequence]) throws -> [Double] {
    try model.losses(of: examples)
  }

  /// What a model with labels says of each text's; nil for models that predict tokens.
  ///
  /// - Throws: ``TextError``.
  public func answers(to examples: [TokenSequence]) throws -> ClassAnswers? {
    guard model.labelCount != nil else { return nil }
    try model.check(examples)
    return ClassAnswers(
      logits: try model.labelLogits(of: examples),
      labels: examples.compactMap { if case .label(let label) = $0.goal { label } else { nil } })
  }

  /// Gives each text's gradient to `body`, batch by batch, in order.
  ///
  /// - Parameters:
  ///   - examples: Texts that fit the model.
  ///   - target: What the gradients are of.
  ///   - batchSize: The most texts of a batch, at least 1; batches of long texts have fewer.
  ///   - body: Called with the rows of a batch, its gradients, each `batch × d`, and the texts' losses.
  /// - Throws: ``TextError``; whatever `body` throws.
  public func forEachGradientBatch(
    of examples: [TokenSequence], target: GradientTarget, batchSize: Int,
    _ body: (_ rows: Range<Int>, _ blocks: [Matrix<Float>], _ losses: [Double]) throws -> Void
  ) throws {
    let losses = target == .loss ? nil : try losses(of: examples)
    try model.forEachGradientBatch(
      of: examples, measure: target == .loss ? .loss : .margin,
      reduction: model.trainingReduction, batchTexts: batchSize, dropout: gradientDropout?.stream,
      dropoutRate: gradientDropout?.rate ?? 0
    ) { rows, blocks, values in
      try body(rows, blocks, losses.map { Array($0[rows]) } ?? values)
    }
  }

  /// The Kronecker factors of every block, per token.
  ///
  /// - Throws: ``TextError``; an error of a decomposition.
  public func kroneckerFactors(
    over examples: [TokenSequence], labels: FisherLabels
  ) throws -> [(block: String, factors: KroneckerFactors)] {
    try model.kroneckerFactors(
      of: examples, labels: labels, reduction: model.trainingReduction)
  }

  /// The Hessian of the mean loss, by central differences of gradients in double precision.
  ///
  /// - Returns: `D × D`, symmetric, with errors of some 1e-8 of its largest number.
  /// - Throws: ``TextError``; `ModelError` where there are more than ``mostParameters``.
  /// - Complexity: Gradients of all examples, twice for each parameter.
  public func hessian(over examples: [TokenSequence]) throws -> Matrix<Double> {
    let count = try requireFewParameters(examples)
    // The error of the difference is of the order of step², that of rounding 1e-16/step.
    let step = 1e-5
    let transformer = try model.inDouble(frozenBytes: frozenBytes)
    let rows = try Parallelism.map(count) { column in
      let up = try gradient(of: examples, transformer, moving: column, by: step)
      let down = try gradient(of: examples, transformer, moving: column, by: -step)
      return zip(up, down).map { ($0 - $1) / (2 * step) }
    }
    var hessian = Matrix<Double>.zeros(count, count)
    for row in 0..<count {
      for column in 0..<count { hessian[row, column] = (rows[row][column] + rows[column][row]) / 2 }
    }
    return hessian
  }

  /// The generalised Gauss–Newton matrix of the mean loss of texts with labels, Σ p(c)·g(c)·g(c)ᵀ over all classes c with
  /// the gradients g(c) of −log p(c): what the Fisher matrix is for softmax.
  ///
  /// - Throws: ``TextError/wrongGoal(row:expected:)`` of models that predict tokens, whose matrix would take a pass for
  ///   each word of the vocabulary and token; `ModelError` where there are more than ``mostParameters``.
  /// - Complexity: Gradients of all examples for each class, and n · D² for each.
  public func gaussNewton(over examples: [TokenSequence]) throws -> Matrix<Double> {
    let count = try requireFewParameters(examples)
    guard let classes = model.labelCount else {
      throw TextError.wrongGoal(row: 0, expected: "a label for a Gauss–Newton matrix")
    }
    let transformer = try model.inDouble(frozenBytes: frozenBytes)
    var sum = Matrix<Double>.zeros(count, count)
    for label in 0..<classes {
      let asked = examples.map { text in
        TokenSequence(tokens: text.tokens, types: text.types, goal: .label(label))
      }
      let measured = try measured(asked, .perText, transformer)
      var rows = Matrix<Double>.zeros(examples.count, count)
      for (block, values) in zip(layout.blocks, measured.gradients?.rows ?? []) {
        rows.place(values.view, firstRow: 0, firstColumn: block.columns.lowerBound)
      }
      // √(p/n) of each row; the measure is −log p.
      rows.scaleRows(
        by: measured.values.map { (Double.exp(-$0) / Double(examples.count)).squareRoot() })
      sum.add(product: rows.transposed, rows.view, scale: 1)
    }
    return sum
  }

  // MARK: - In double precision

  private func requireFewParameters(_ examples: [TokenSequence]) throws -> Int {
    try model.check(examples)
    let count = layout.columnCount
    guard count <= Self.mostParameters else {
      throw ModelError.tooManyParameters(count: count, limit: Self.mostParameters)
    }
    return count
  }

  private func measured(
    _ examples: [TokenSequence], _ kind: Transformer<Double>.GradientKind,
    _ transformer: Transformer<Double>
  ) throws -> MeasuredBatch<Double> {
    try transformer.measured(
      TextBatch(texts: examples[...], firstToken: 0),
      TextMeasurement(sums: model.trainingReduction == .sum), gradients: kind,
      rotation: transformer.rotation(
        positions: examples.lazy.map(\.tokens.count).max() ?? 0))
  }

  /// The gradient of the mean loss where one parameter is moved.
  private func gradient(
    of examples: [TokenSequence], _ transformer: Transformer<Double>, moving column: Int,
    by step: Double
  ) throws -> [Double] {
    var parameters = model.adapter.parameters.map { Matrix<Double>(converting: $0) }
    guard let block = layout.blocks.first(where: { $0.columns.contains(column) }),
      let place = model.adapter.layout.blocks.firstIndex(where: { $0.name == block.name })
    else { preconditionFailure("column \(column) is of no block") }
    parameters[place].elements[column - block.columns.lowerBound] += step
    var transformer = transformer
    transformer.adapter = AdapterParameters(model.adapter, parameters: parameters)
    let weights = Array(repeating: 1 / Double(examples.count), count: examples.count)
    let measured = try measured(examples, .sum(weights: weights), transformer)
    return measured.gradients?.rows.flatMap(\.elements) ?? []
  }
}

extension LanguageModel {
  /// The same model in double precision, for small models: its weights are converted once.
  fileprivate func inDouble(frozenBytes: Int) throws -> Transformer<Double> {
    let configuration = checkpoint.configuration
    let architecture = checkpoint.family.architecture(configuration)
    let names = architecture.tensorNames(layers: configuration.layerCount).filter(checkpoint.has)
    var transformer = Transformer<Double>(
      configuration: configuration, architecture: architecture,
      weights: try ModelWeights(checkpoint, keeping: names), adapter: AdapterParameters(adapter))
    transformer.frozenStates = FrozenStates(mostBytes: frozenBytes)
    return transformer
  }
}
