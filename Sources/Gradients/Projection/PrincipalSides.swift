public import Foundation
import LinearAlgebra
import OrderedCollections
import TensorFiles

/// The leading directions of both sides of blocks that are matrices, onto which gradients are projected in the place of random numbers.
///
///     L = (1/n) Σ g·gᵀ (q × q),   R = (1/n) Σ gᵀ·g (p × p);   P_out, P_in the leading eigenvectors of L and R as rows
///
/// of gradients g of `q × p`. Where the model's Kronecker factors of these blocks lie beside the gradients, the moments of the output
/// gradients and of the activations stand in for L and R, as in LoGra (Choe et al., "What is your data worth to GPT?", 2024, arXiv
/// 2405.13954). Rows are orthonormal, so that no norm grows; with all directions of both sides, every product stays.
///
/// A projected store holds them in ``fileName``, from where queries are projected alike.
public struct PrincipalSides: Sendable {
  /// The file's name in the folder of a projected store.
  public static let fileName = "projection.safetensors"

  /// What the directions are of.
  public enum Source: String, Sendable, CaseIterable {
    /// Second moments of the gradients that were projected first.
    case gradients
    /// Kronecker factors from the model.
    case factors
  }

  /// P_out and P_in of a block; nil for a side that is kept.
  struct Factors: Sendable {
    /// The block's shape.
    let shape: [Int]
    /// `k_out × q`.
    let outputs: Matrix<Double>?
    /// `k_in × p`.
    let inputs: Matrix<Double>?
  }

  /// The most outputs of a projected block.
  public let outputs: Int
  /// The most inputs of a projected block.
  public let inputs: Int
  /// What the directions are of.
  public let source: Source
  private let factors: [String: Factors]
  /// A checksum of all numbers, as text.
  public let checksum: String

  /// Takes directions as they are.
  init(outputs: Int, inputs: Int, source: Source, factors: [String: Factors]) {
    self.outputs = outputs
    self.inputs = inputs
    self.source = source
    self.factors = factors
    var bytes: [UInt8] = []
    for (name, factors) in factors.sorted(by: { $0.key < $1.key }) {
      bytes += Array("\(name) \(factors.shape)".utf8)
      for matrix in [factors.outputs, factors.inputs] {
        for number in matrix?.elements ?? [] { bytes += number.bytes }
      }
    }
    var sum = Checksum()
    sum.update(bytes.span)
    checksum = sum.description
  }

  /// P_out and P_in of a block.
  ///
  /// - Throws: ``GradientStoreError/notProjectable(block:reason:)`` where there are none, or of another shape.
  func factors(of block: Block) throws(GradientStoreError) -> Factors {
    guard let found = factors[block.name], found.shape == block.shape else {
      throw .notProjectable(
        block: block.name,
        reason:
          "its shape is \(block.shape), and the directions are of \(factors[block.name].map { "a block of shape \($0.shape)" } ?? "other blocks"); take gradients of the same model and parameters"
      )
    }
    return found
  }
}

extension PrincipalSides: Hashable {
  /// Whether all numbers are the same, by their checksum.
  public static func == (one: Self, other: Self) -> Bool {
    one.checksum == other.checksum && one.outputs == other.outputs && one.inputs == other.inputs
      && one.source == other.source
  }
  /// Feeds the checksum.
  public func hash(into hasher: inout Hasher) { hasher.combine(checksum) }
}

extension PrincipalSides {
  private static let (outputsKey, inputsKey) = ("outputs", "inputs")

  /// Reads the directions of a projected store.
  ///
  /// - Parameter folder: The store's folder.
  /// - Throws: `TensorFileError`, also where the file is damaged; ``GradientStoreError/inconsistent(path:reason:)`` where it holds
  ///   something else.
  public init(ofStoreAt folder: URL) throws {
    let url = folder.appending(path: Self.fileName)
    guard FileManager.default.fileExists(atPath: url.path) else {
      throw GradientStoreError.inconsistent(
        path: folder.path,
        reason:
          "there is no \(Self.fileName), which a store has that was projected onto leading directions; name that of the training gradients"
      )
    }
    let file = try SafetensorsFile(opening: url)
    _ = try file.verify()
    let metadata = Dictionary(uniqueKeysWithValues: file.metadata.map { ($0, $1) })
    func damaged(_ what: String) -> GradientStoreError {
      .inconsistent(path: url.path, reason: "\(what); project the training gradients again")
    }
    guard let outputs = metadata[Self.outputsKey].flatMap({ Int($0) }), outputs > 0,
      let inputs = metadata[Self.inputsKey].flatMap({ Int($0) }), inputs > 0,
      let source = metadata["of"].flatMap({ Source(rawValue: $0) })
    else { throw damaged("the metadata say no sizes") }
    var factors: [String: Factors] = [:]
    for (key, text) in metadata where key.hasPrefix(Self.shapePrefix) {
      let name = String(key.dropFirst(Self.shapePrefix.count))
      let shape = text.split(separator: "x").compactMap { Int($0) }
      guard shape.count > 1, shape.allSatisfy({ $0 > 0 }),
        shape.reduce(1, { $0 * Double($1) }) < 0x1p40
      else {
        throw damaged("block \(name.quoted) has the shape \(text.quoted)")
      }
      let sides = Block.sides(of: shape)
      func matrix(_ side: String, _ rows: Int, _ columns: Int) throws -> Matrix<Double>? {
        guard let tensor = file.tensors["\(name).\(side)"] else { return nil }
        guard tensor.shape == [rows, columns] else {
          throw damaged("\("\(name).\(side)".quoted) has the shape \(tensor.shape)")
        }
        let matrix: Matrix<Double> = try file.matrix("\(name).\(side)")
        guard matrix.elements.allSatisfy(\.isFinite) else {
          throw damaged("\("\(name).\(side)".quoted) holds NaN or infinite numbers")
        }
        return matrix
      }
      factors[name] = Factors(
        shape: shape, outputs: try matrix(Self.outputsKey, outputs, sides.outputs),
        inputs: try matrix(Self.inputsKey, inputs, sides.inputs))
      guard factors[name]?.outputs != nil || sides.outputs < outputs,
        factors[name]?.inputs != nil || sides.inputs < inputs
      else { throw damaged("block \(name.quoted) has no directions") }
    }
    try file.map.requireUnchanged()
    self.init(outputs: outputs, inputs: inputs, source: source, factors: factors)
  }

  private static let shapePrefix = "shape."

  /// Writes the directions into the folder of a projected store, whole or not at all, with a checksum.
  func write(to folder: URL) throws {
    var metadata: OrderedDictionary<String, String> = [
      Self.outputsKey: "\(outputs)", Self.inputsKey: "\(inputs)", "of": source.rawValue,
    ]
    var tensors: [(name: String, matrix: Matrix<Double>)] = []
    for (name, factors) in factors.sorted(by: { $0.key < $1.key }) {
      metadata[Self.shapePrefix + name] = factors.shape.map(String.init).joined(separator: "x")
      for (side, matrix) in [(Self.outputsKey, factors.outputs), (Self.inputsKey, factors.inputs)] {
        if let matrix { tensors.append(("\(name).\(side)", matrix)) }
      }
    }
    var writer = try SafetensorsWriter(
      at: folder.appending(path: Self.fileName),
      tensors: tensors.map {
        .init(name: $0.name, elementType: .float64, shape: [$0.matrix.rows, $0.matrix.columns])
      }, metadata: metadata, isSealed: true)
    for tensor in tensors { try writer.append(tensor.matrix.elements.span) }
    try writer.commit()
  }
}

extension Double {
  fileprivate var bytes: [UInt8] {
    (0..<8).map { UInt8(truncatingIfNeeded: bitPattern >> (8 * UInt64($0))) }
  }
}
