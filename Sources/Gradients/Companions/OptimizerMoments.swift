public import Foundation
import LinearAlgebra
import OrderedCollections
import TensorFiles

/// What Adam or AdamW knew when gradients were taken: the running means of a training's gradients and of their
/// squares, in memory or as `optimizer.safetensors` beside a store or an adapter.
///
/// Tensors are float64. For a block B of d parameters they are `B.first_moment` and `B.second_moment`, d numbers each: m
/// and v of the update rule before any bias correction, in the order of the parameters. The metadata are `optimizer`
/// (`adam`), `step` (how many steps were taken), `beta1`, `beta2` and `epsilon`, and, where it is known,
/// `learning_rate_sum`.
public struct OptimizerMoments: Companion {
  /// The file's name in the folder of a store or an adapter.
  public static let fileName = "optimizer.safetensors"

  /// The numbers of the update rule, and how often it was applied.
  public struct Rule: Sendable, Hashable {
    /// The number of steps taken, at least 1.
    public var stepCount: Int
    /// β₁, in 0 ..< 1.
    public var firstDecay: Double
    /// β₂, in 0 ..< 1.
    public var secondDecay: Double
    /// ε, positive.
    public var epsilon: Double
    /// The sum of the learning rates of all steps, positive; nil where it is not known.
    public var learningRateSum: Double?

    /// Collects the numbers.
    public init(
      stepCount: Int, firstDecay: Double, secondDecay: Double, epsilon: Double,
      learningRateSum: Double? = nil
    ) {
      self.learningRateSum = learningRateSum
      self.stepCount = stepCount
      self.firstDecay = firstDecay
      self.secondDecay = secondDecay
      self.epsilon = epsilon
    }
  }

  /// Both moments of a block's parameters, d numbers each.
  public struct Moments: Sendable, Hashable {
    /// m, the running mean of gradients.
    public var first: [Double]
    /// v, the running mean of squared gradients, none negative.
    public var second: [Double]

    /// Collects the numbers.
    public init(first: [Double], second: [Double]) {
      precondition(first.count == second.count, "\(first.count) means, \(second.count) of squares")
      self.first = first
      self.second = second
    }
  }

  private enum Storage: Sendable {
    case file(SafetensorsFile)
    case memory(OrderedDictionary<String, Moments>)
  }

  private let storage: Storage
  /// The file's path, or `memory`.
  public let source: String
  /// The numbers of the update rule.
  public let rule: Rule
  /// The checksum of the file, as text; nil of moments in memory.
  package let checksum: String?

  private static let (first, second) = ("first_moment", "second_moment")

  /// Takes moments from memory.
  ///
  /// - Parameters:
  ///   - rule: The numbers of the update rule.
  ///   - moments: By the name of their block.
  public init(rule: Rule, moments: [(block: String, moments: Moments)]) {
    storage = .memory(OrderedDictionary(uniqueKeysWithValues: moments.map { ($0, $1) }))
    source = "memory"
    self.rule = rule
    checksum = nil
  }

  /// Opens the file; moments are read when they are asked for.
  ///
  /// - Throws: `TensorFileError`, also where the file has a checksum and is damaged;
  ///   ``GradientStoreError/unusableOptimizer(path:field:reason:)`` where the metadata are not those of Adam.
  public init(opening url: URL) throws {
    let file = try SafetensorsFile(opening: url)
    _ = try file.verify()
    storage = .file(file)
    source = file.map.path
    checksum = try Checksum(of: file.map).description
    let metadata = Dictionary(uniqueKeysWithValues: file.metadata.map { ($0, $1) })
    func value<Value>(
      _ key: String, _ expected: String, _ read: (String) -> Value?
    ) throws(GradientStoreError) -> Value {
      guard let text = metadata[key], let value = read(text) else {
        throw .unusableOptimizer(
          path: file.map.path, field: key,
          reason:
            "the metadata says \(metadata[key]?.quoted ?? "nothing"), and must say \(expected); write the file again"
        )
      }
      return value
    }
    _ = try value("optimizer", "adam") { $0 == "adam" ? $0 : nil }
    func decay(_ key: String) throws(GradientStoreError) -> Double {
      try value(key, "a number from 0 up to below 1") {
        Double($0).flatMap { $0 >= 0 && $0 < 1 ? $0 : nil }
      }
    }
    rule = Rule(
      stepCount: try value("step", "a number of steps from 1 up") {
        Int($0).flatMap { $0 > 0 ? $0 : nil }
      },
      firstDecay: try decay("beta1"), secondDecay: try decay("beta2"),
      epsilon: try value("epsilon", "a positive number", Self.positive),
      learningRateSum: metadata["learning_rate_sum"] == nil
        ? nil : try value("learning_rate_sum", "a positive number", Self.positive))
  }

  private static func positive(_ text: String) -> Double? {
    Double(text).flatMap { $0 > 0 && $0.isFinite ? $0 : nil }
  }

  /// Reads a folder's file; nil where there is none.
  ///
  /// - Throws: As ``init(opening:)``.
  public init?(ifIn folder: URL) throws {
    let url = folder.appending(path: Self.fileName)
    guard FileManager.default.fileExists(atPath: url.path) else { return nil }
    try self.init(opening: url)
  }

  /// The moments of one block's parameters.
  ///
  /// - Parameters:
  ///   - block: Its name.
  ///   - width: The number of its parameters.
  /// - Throws: ``GradientStoreError/unusableOptimizer(path:field:reason:)`` where there are none, not as many, or they
  ///   cannot be what they are called; `TensorFileError`.
  public func moments(ofBlock block: String, width: Int) throws -> Moments {
    let moments: Moments
    switch storage {
    case .memory(let known):
      guard let found = known[block] else { throw missing(block) }
      moments = found
    case .file(let file):
      func numbers(_ kind: String) throws -> [Double] {
        let name = "\(block).\(kind)"
        guard file.tensors[name] != nil else { throw missing(block) }
        let matrix: Matrix<Double> = try file.matrix(name)
        guard matrix.elements.count == width else {
          throw unusable(name, Self.wrongCount(matrix.elements.count, width))
        }
        return matrix.elements
      }
      moments = Moments(first: try numbers(Self.first), second: try numbers(Self.second))
      try file.map.requireUnchanged()
    }
    guard moments.first.count == width else {
      throw unusable("\(block).\(Self.first)", Self.wrongCount(moments.first.count, width))
    }
    guard moments.first.allSatisfy(\.isFinite) else {
      throw unusable(
        "\(block).\(Self.first)", "it holds NaN or infinite numbers; train again")
    }
    guard moments.second.allSatisfy({ $0 >= 0 && $0.isFinite }) else {
      throw unusable(
        "\(block).\(Self.second)",
        "it holds negative, NaN or infinite numbers, which no mean of squares is; train again")
    }
    return moments
  }

  private static func wrongCount(_ found: Int, _ width: Int) -> String {
    "it holds \(found) numbers where the block has \(width) parameters; take gradients and optimizer of the same model"
  }

  private func missing(_ block: String) -> GradientStoreError {
    unusable(
      "\(block).\(Self.first)",
      "there are no moments of this block; take gradients and optimizer of the same model")
  }

  private func unusable(_ field: String, _ reason: String) -> GradientStoreError {
    .unusableOptimizer(path: source, field: field, reason: reason)
  }

  /// Writes the moments of some blocks into a folder, whole or not at all, with a checksum.
  ///
  /// - Parameters:
  ///   - folder: That of a store, or of an adapter.
  ///   - layout: The blocks.
  /// - Throws: As ``moments(ofBlock:width:)``.
  public func write(of layout: BlockLayout, to folder: URL) throws {
    let all = try layout.blocks.map { try moments(ofBlock: $0.name, width: $0.width) }
    var metadata: OrderedDictionary<String, String> = [
      "beta1": "\(rule.firstDecay)", "beta2": "\(rule.secondDecay)", "epsilon": "\(rule.epsilon)",
    ]
    metadata["learning_rate_sum"] = rule.learningRateSum.map { "\($0)" }
    metadata["optimizer"] = "adam"
    metadata["step"] = "\(rule.stepCount)"
    var writer = try SafetensorsWriter(
      at: folder.appending(path: Self.fileName),
      tensors: layout.blocks.flatMap { block in
        [Self.first, Self.second].map {
          .init(name: "\(block.name).\($0)", elementType: .float64, shape: [block.width])
        }
      },
      metadata: metadata, isSealed: true)
    for block in all {
      for numbers in [block.first, block.second] { try writer.append(numbers.span) }
    }
    try writer.commit()
  }
}
