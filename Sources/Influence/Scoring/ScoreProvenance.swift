public import Gradients
import TensorFiles

/// What scores were computed from, and how.
public struct ScoreProvenance: Sendable {
  /// One store of an ensemble.
  public struct Member: Sendable {
    /// What its scores were multiplied by, or the time of its segment.
    public let weight: Double
    /// The training gradients.
    public let training: GradientStore
    /// The queries' gradients.
    public let queries: GradientStore
    /// What else the method read of it, for its record.
    let inputs: InputRecords
  }

  /// Makes what a record says of files beside the gradients.
  typealias InputRecords = @Sendable () throws -> OrderedJSON

  /// How λ was chosen; nil for methods on representations, which have no damping.
  public let damping: Damping?
  /// The precision of products of gradients; nil for methods on representations.
  public let precision: CurvatureOptions.Precision?
  /// How the scores of blocks became one.
  public var combination = BlockCombination.sum
  /// The blocks with their norms and λ; empty for an ensemble, whose members have their own.
  public let contexts: [BlockContext]
  /// The side of each block, with the reason; nil for dead blocks.
  public let choices: [CostModel.Choice?]
  /// The training examples; of an ensemble, those of its first member.
  public let training: ScoreSource
  /// The queries; of an ensemble, those of its first member.
  public let queries: ScoreSource
  /// The members of the ensemble that scores were summed over; empty for a single store.
  public let members: [Member]
  /// How the members made one score.
  public var kind = EnsembleKind.sum
  /// What else the method read, for its record.
  var inputs: InputRecords = { [:] }
  /// Seconds spent on the fit.
  public let fitSeconds: Double
  /// What counted the work, if anything did.
  let meter: RunMeter?

  /// How blocks are grouped; nil for methods on representations.
  public var partition: BlockPartition? {
    guard case .gradients(let store) = training else { return nil }
    return store.partition
  }
}

extension ScoreProvenance {
  /// Name, shape, λ and side of each block, as a record has them.
  var blockRecords: OrderedJSON {
    guard case .gradients(let store) = training else { return .null }
    return .array(
      zip(contexts, choices).map { context, choice in
        [
          "name": .string(context.name),
          "shape": .array(context.block.shape.map { .integer($0) }),
          "members": .list(store.members(ofBlock: context.index)),
          "lambda": .finite(context.damping),
          "side": .text(choice?.side.rawValue),
          "reason": .string(choice?.reason ?? "dead: all training gradients are zero"),
        ]
      })
  }

  /// Weight or time, and stores of each member, as a record has them.
  func memberRecords() throws -> OrderedJSON {
    .array(
      try members.map { member in
        let record: OrderedJSON = [
          kind == .segments ? "time" : "weight": .number(member.weight),
          "train": try member.training.record(), "query": try member.queries.record(),
        ]
        return record.adding(try Self.inputRecord(member.inputs))
      })
  }

  /// Path and checksum of what the method read beside the gradients, as `inputs` of a record; nothing where it is nothing.
  func inputRecord() throws -> OrderedJSON { try Self.inputRecord(inputs) }

  private static func inputRecord(_ inputs: InputRecords) throws -> OrderedJSON {
    let found = try inputs()
    return found == [:] ? [:] : ["inputs": found]
  }

  /// What was read and multiplied, as a record has it.
  func workRecord(seconds: Double) -> OrderedJSON {
    guard case .gradients(let store) = training else { return .null }
    return (meter?.work ?? RunMeter.Work()).record(on: store, seconds: seconds)
  }
}
