public import Gradients
public import LinearAlgebra
import OrderedCollections

/// What is trained of a model: pairs of low rank beside some of its linear maps, and tensors that are trained whole.
///
/// A map of weights W with a pair beside it computes W·x + scale · B·(A·x) (Hu et al., "LoRA: Low-Rank Adaptation of
/// Large Language Models", 2021). Names are those of PEFT's files, so that gradients taken elsewhere have the same blocks.
public struct Adapter: Sendable {
  /// A linear map with a pair of low rank beside it.
  public struct Module: Sendable, Hashable {
    /// The map's name, such as `bert.encoder.layer.0.attention.self.query`.
    public let name: String
    /// The numbers that the map reads: columns of A.
    public let inputs: Int
    /// The numbers that the map makes: rows of B.
    public let outputs: Int
    /// Rows of A and columns of B.
    public let rank: Int
    /// What B·(A·x) is multiplied by.
    public let scale: Double

    package init(name: String, inputs: Int, outputs: Int, rank: Int, scale: Double) {
      self.name = name
      self.inputs = inputs
      self.outputs = outputs
      self.rank = rank
      self.scale = scale
    }
  }

  /// A tensor that is trained whole, of a classifier say.
  public struct Tensor: Sendable, Hashable {
    /// The tensor's name in the model, such as `classifier.weight`.
    public let name: String
    /// One dimension or two.
    public let shape: [Int]

    package init(name: String, shape: [Int]) { (self.name, self.shape) = (name, shape) }
  }

  /// The maps with a pair, in the order of the model.
  public let modules: [Module]
  /// The tensors that are trained whole, after the pairs.
  public let tensors: [Tensor]
  /// Names and shapes of all parameters: A (`rank × inputs`) and B (`outputs × rank`) of each module, then the tensors.
  public let layout: BlockLayout
  /// Which blocks of the layout gradients are taken of, in order: all, unless some were chosen by
  /// ``takingGradients(ofBlocks:source:)``.
  public internal(set) var gradientBlocks: [Int]
  /// What the adapter was made by, and what is written beside its parameters.
  public let configuration: LoRAConfiguration
  /// The parameters in the order of ``layout``; vectors are n × 1.
  public var parameters: [Matrix<Float>]

  /// Collects an adapter's parts.
  ///
  /// - Parameters:
  ///   - configuration: What chose the modules; nil for one that names each of them.
  ///   - parameters: A matrix for each block of the layout that the modules and tensors make.
  package init(
    modules: [Module], tensors: [Tensor], parameters: [Matrix<Float>],
    configuration: LoRAConfiguration? = nil
  ) {
    self.modules = modules
    self.tensors = tensors
    self.configuration = configuration ?? Self.configuration(naming: modules)
    layout = Self.layout(modules: modules, tensors: tensors)
    gradientBlocks = Array(layout.blocks.indices)
    precondition(
      layout.blocks.map(\.width) == parameters.map(\.elements.count),
      "the parameters do not fit the modules")
    self.parameters = parameters
  }

  /// The configuration that chooses these modules, each by its whole name.
  private static func configuration(naming modules: [Module]) -> LoRAConfiguration {
    LoRAConfiguration(
      rank: modules.first?.rank ?? 1, targets: .names(modules.map(\.name)),
      rankPattern: .init(uniqueKeysWithValues: modules.map { ($0.name, $0.rank) }),
      alphaPattern: .init(
        uniqueKeysWithValues: modules.map { ($0.name, $0.scale * Double($0.rank)) }))
  }

  /// Where the names of all parameters begin.
  package static let prefix = "base_model.model."

  static func layout(modules: [Module], tensors: [Tensor]) -> BlockLayout {
    BlockLayout(
      modules.flatMap {
        [
          ("\(prefix)\($0.name).lora_A.weight", [$0.rank, $0.inputs]),
          ("\(prefix)\($0.name).lora_B.weight", [$0.outputs, $0.rank]),
        ]
      } + tensors.map { ("\(prefix)\($0.name)", $0.shape) })
  }
}
