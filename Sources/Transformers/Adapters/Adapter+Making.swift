import LinearAlgebra
import TensorFiles

extension Adapter {
  /// Makes an adapter that changes nothing yet, as PEFT and transformers begin.
  ///
  /// Numbers of A are uniform within ±1/√inputs, B is zero. Tensors of a head that the checkpoint has in the same shape
  /// are taken from there; others are drawn from the normal distribution of deviation 0.02, and biases are zero. The
  /// values depend on the seed and the names of modules alone.
  ///
  /// - Parameters:
  ///   - checkpoint: The model.
  ///   - configuration: What gets a pair, and of which rank. Each of its names must be that of a map.
  ///   - labelCount: The labels of a classifier, at least 1; nil for as many as the checkpoint's configuration has.
  ///     It has no meaning for models that predict tokens.
  ///   - seed: Any number.
  /// - Throws: ``AdapterError``, and ``TransformerError`` where a head cannot be read.
  /// - Complexity: O(parameters).
  public init(
    for checkpoint: Checkpoint, configuration: LoRAConfiguration, labelCount: Int? = nil,
    seed: UInt64
  ) throws {
    let most = 1_000_000
    let labels = labelCount ?? checkpoint.configuration.labels.count
    guard labelCount == nil || (1...most).contains(labels) else {
      throw AdapterError.invalidSetting(
        setting: "the number of labels", expected: "1 to \(most)", found: "\(labels)")
    }
    try configuration.check()
    let plan = try AdapterPlan(
      configuration, for: AdaptableModules(of: checkpoint, labelCount: labels))
    try plan.requireEachName(of: configuration)
    let (modules, tensors) = Self.parts(of: plan)
    try Self.requireMemory(modules: modules, tensors: tensors)
    var parameters: [Matrix<Float>] = []
    for module in modules {
      var generator = Self.generator(seed: seed, name: module.name)
      let most = 1 / Double(module.inputs).squareRoot()
      parameters.append(
        .uniform(module.rank, module.inputs, in: -most..<most, using: &generator))
      parameters.append(.zeros(module.outputs, module.rank))
    }
    for tensor in tensors {
      if checkpoint.has(tensor.name), try checkpoint.shape(of: tensor.name) == tensor.shape {
        parameters.append(try checkpoint.matrix(tensor.name))
      } else if tensor.shape.count == 1 {
        parameters.append(.zeros(tensor.shape[0], 1))
      } else {
        var generator = Self.generator(seed: seed, name: tensor.name)
        parameters.append(
          .normal(tensor.shape[0], tensor.shape[1], deviation: 0.02, using: &generator))
      }
    }
    var configuration = configuration
    configuration.storesTransposed = plan.modules.contains(where: \.isStoredTransposed)
    self.init(
      modules: modules, tensors: tensors, parameters: parameters, configuration: configuration)
  }

  /// The modules and tensors that a plan chooses.
  static func parts(of plan: AdapterPlan) -> (modules: [Module], tensors: [Tensor]) {
    (
      plan.modules.map {
        Module(
          name: $0.name, inputs: $0.inputs, outputs: $0.outputs, rank: plan.rules.rank(of: $0.name),
          scale: plan.rules.scale(of: $0.name))
      }, plan.tensors.map { Tensor(name: $0.name, shape: $0.shape) }
    )
  }

  /// Refuses more numbers than training can hold: themselves, their gradient and two moments of it.
  private static func requireMemory(modules: [Module], tensors: [Tensor]) throws {
    let counts =
      modules.map { $0.rank.multipliedReportingOverflow(by: $0.inputs + $0.outputs) }
      + tensors.map { ($0.shape.reduce(1, *), false) }
    var sum = 0
    for (count, overflow) in counts {
      guard !overflow, MachineMemory.holds(count, 16), MachineMemory.holds(sum + count, 16) else {
        throw AdapterError.tooLarge(parameters: overflow ? .max : sum + count)
      }
      sum += count
    }
  }

  /// Random numbers of their own for each name.
  private static func generator(seed: UInt64, name: String) -> SeededGenerator {
    var checksum = Checksum()
    checksum.update(Array(name.utf8).span)
    return SeededGenerator(seed: seed, stream: UInt64(checksum.value))
  }
}
