public import Foundation
public import LinearAlgebra
import OrderedCollections
public import TensorFiles

/// What a model knows of its curvature: matrices in memory, or `curvature.safetensors` in the folder of a
/// training store.
///
/// Tensors are float64. For a block B that is a linear map of p inputs and q outputs, they are
/// `B.activations` (`p × p`), `B.output_gradients` (`q × q`), and, for EK-FAC, `B.activation_basis`
/// (`p × p`), `B.output_basis` (`q × q`), `B.eigenvalues` (`q × p`). For the whole model, over all D
/// columns in the layout's order, they are `hessian` and `ggn` (`D × D`), of the mean training loss.
public struct StoredCurvature: Companion {
  /// The file's name in a store's folder.
  public static let fileName = "curvature.safetensors"

  /// A second derivative of the mean training loss by all parameters.
  public enum SecondDerivative: String, Sendable, CaseIterable {
    /// The Hessian itself, which may be indefinite.
    case hessian
    /// The generalised Gauss–Newton matrix JᵀHJ, with H the Hessian by the model's outputs.
    case gaussNewton = "ggn"
  }

  private enum Storage: Sendable {
    case file(SafetensorsFile)
    case memory(OrderedDictionary<String, Matrix<Double>>)
    case source(any CurvatureSource)
  }

  private let storage: Storage
  /// The file's path, or `memory`.
  public let path: String
  /// What the writer said: `fisher` (`empirical` or `sampled`), `examples`, `regularization`.
  public let metadata: [String: String]

  /// Takes matrices from memory.
  ///
  /// - Parameters:
  ///   - kronecker: Factors by the name of their block.
  ///   - hessian: `D × D`.
  ///   - gaussNewton: `D × D`.
  ///   - metadata: What to record, such as `fisher` and `examples`.
  public init(
    kronecker: [(block: String, factors: KroneckerFactors)] = [],
    hessian: Matrix<Double>? = nil, gaussNewton: Matrix<Double>? = nil,
    metadata: [String: String] = [:]
  ) {
    var tensors: OrderedDictionary<String, Matrix<Double>> = [:]
    for (block, factors) in kronecker {
      for (part, matrix) in factors.parts {
        let replaced = tensors.updateValue(matrix, forKey: "\(block).\(part.rawValue)")
        precondition(replaced == nil, "there are two sets of factors of block \(block)")
      }
    }
    tensors[SecondDerivative.hessian.rawValue] = hessian
    tensors[SecondDerivative.gaussNewton.rawValue] = gaussNewton
    storage = .memory(tensors)
    path = "memory"
    self.metadata = metadata
  }

  /// Opens the file; tensors are mapped, and read when they are asked for.
  ///
  /// - Throws: `TensorFileError`, also where the file has a checksum and it is small and damaged.
  public init(opening url: URL) throws(TensorFileError) {
    try self.init(opening: url, check: .small)
  }

  /// Opens the file, and compares it with its checksum where it has one and is not too large.
  init(opening url: URL, check: StoreCheck) throws(TensorFileError) {
    let file = try SafetensorsFile(opening: url)
    if check.covers(byteCount: file.map.count) { _ = try file.verify() }
    storage = .file(file)
    path = file.map.path
    metadata = Dictionary(uniqueKeysWithValues: file.metadata.map { ($0, $1) })
      .filter { $0.key != SafetensorsFile.checksumKey }
  }

  /// Takes the files of another tool, of which matrices are read when they are asked for.
  init(_ source: any CurvatureSource, metadata: [String: String]) {
    storage = .source(source)
    path = source.path
    self.metadata = metadata
  }

  /// Makes sure that what was just read is of the file that was opened, if it is of a file.
  private func requireUnchanged() throws(TensorFileError) {
    if case .file(let file) = storage { try file.map.requireUnchanged() }
  }

  /// Whether it is of a file.
  var isFile: Bool { if case .file = storage { true } else { false } }

  /// Whether it is in no file that a store is opened with.
  var isElsewhere: Bool { if case .source = storage { true } else { false } }

  private var names: OrderedSet<String> {
    switch storage {
    case .file(let file): file.tensors.keys
    case .memory(let tensors): tensors.keys
    case .source(let source): source.shapes.keys
    }
  }

  private func holds(_ name: String) -> Bool { names.contains(name) }

  /// The blocks of which there are Kronecker factors.
  public var kroneckerBlocks: [String] {
    let ending = "." + KroneckerFactors.Part.activations.rawValue
    return names.filter { $0.hasSuffix(ending) }.map { String($0.dropLast(ending.count)) }
  }

  /// The Kronecker factors of one block.
  ///
  /// - Parameter block: Its name and shape: `q × p` or, for a bias, q.
  /// - Throws: ``GradientStoreError/unusableCurvature(path:field:reason:)`` where there are none, or not of
  ///   the block's shape.
  public func kroneckerFactors(of block: Block) throws -> KroneckerFactors {
    try checkMetadata()
    let (outputs, inputs) = try block.matrixShape(neededBy: "Kronecker factors")
    func part(_ part: KroneckerFactors.Part, _ rows: Int, _ columns: Int) throws -> Matrix<Double>?
    {
      let name = "\(block.name).\(part.rawValue)"
      guard holds(name) else { return nil }
      return try matrix(name, rows: rows, columns: columns)
    }
    guard
      let activations = try part(.activations, inputs, inputs),
      let gradients = try part(.outputGradients, outputs, outputs)
    else {
      throw GradientStoreError.unusableCurvature(
        path: path, field: "\(block.name).\(KroneckerFactors.Part.activations.rawValue)",
        reason:
          "there are no Kronecker factors of this block; store the factors of every block, and score by tensor"
      )
    }
    return KroneckerFactors(
      activations: activations, outputGradients: gradients,
      activationBasis: try part(.activationBasis, inputs, inputs),
      outputBasis: try part(.outputBasis, outputs, outputs),
      eigenvalues: try part(.eigenvalues, outputs, inputs))
  }

  /// Whether there is such a matrix.
  public func holds(_ kind: SecondDerivative) -> Bool { holds(kind.rawValue) }

  /// The second derivative by some columns of the layout.
  ///
  /// - Parameters:
  ///   - kind: Hessian or Gauss–Newton matrix.
  ///   - columns: Ranges of columns, one after the other; d together.
  ///   - columnCount: D, the width of a gradient row.
  /// - Returns: `d × d`.
  /// - Throws: ``GradientStoreError/unusableCurvature(path:field:reason:)``.
  public func secondDerivative(
    _ kind: SecondDerivative, columns: [Range<Int>], of columnCount: Int
  ) throws -> Matrix<Double> {
    try checkMetadata()
    guard holds(kind) else {
      throw GradientStoreError.unusableCurvature(
        path: path, field: kind.rawValue,
        reason: "the file does not hold it; store that matrix there")
    }
    let part: (_ rows: Range<Int>, _ columns: Range<Int>) -> Matrix<Double>
    switch storage {
    case .file(let file):
      let whole = try file.mapped(kind.rawValue)
      try check(kind.rawValue, whole.rows, whole.columns, is: columnCount, columnCount)
      part = { whole[rows: $0][columns: $1].matrix() }
    case .memory, .source:
      let whole = try matrix(kind.rawValue)
      try check(kind.rawValue, whole.rows, whole.columns, is: columnCount, columnCount)
      part = { Matrix(whole.view[rows: $0, columns: $1]) }
    }
    let width = columns.reduce(0) { $0 + $1.count }
    var result = Matrix<Double>.zeros(width, width)
    var first = (row: 0, column: 0)
    for rows in columns {
      first.column = 0
      for range in columns {
        result.place(part(rows, range).view, firstRow: first.row, firstColumn: first.column)
        first.column += range.count
      }
      first.row += rows.count
    }
    try requireUnchanged()
    try checkFinite(result, kind.rawValue)
    return result
  }

  /// Writes the file into the folder of a training store, whole or not at all.
  public func write(to folder: URL) throws(TensorFileError) {
    var writer = try SafetensorsWriter(
      at: folder.appending(path: Self.fileName),
      tensors: names.map { .init(name: $0, elementType: .float64, shape: shape($0)) },
      metadata: metadata.sortedByKey, isSealed: true)
    for name in names { try writer.append(try matrix(name)) }
    try writer.commit()
  }
}

extension StoredCurvature {
  /// How many examples the means are of; nil where the writer did not say.
  package var exampleCount: Int? { metadata["examples"].flatMap(Int.init) }

  /// Whether the writer said that labels are the data's.
  package var isEmpirical: Bool { metadata["fisher"] == "empirical" }

  /// Refuses what the writer said in other words than those that are known; other keys are anybody's.
  private func checkMetadata() throws(GradientStoreError) {
    let known: [(key: String, isValid: (String) -> Bool, expected: String)] = [
      ("fisher", { ["empirical", "sampled"].contains($0) }, "empirical or sampled"),
      ("examples", { Int($0).map { $0 > 0 } ?? false }, "a number of examples from 1 up"),
      (
        "regularization", { Double($0).map { $0 >= 0 && $0.isFinite } ?? false },
        "a number from 0 up"
      ),
    ]
    for (key, isValid, expected) in known {
      guard let value = metadata[key], !isValid(value) else { continue }
      throw .unusableCurvature(
        path: path, field: key,
        reason: "the metadata says \(value.quoted), and must say \(expected)")
    }
  }

  /// The shape of a matrix whose name is known to be there.
  private func shape(_ name: String) -> [Int] {
    switch storage {
    case .file(let file): file.tensors[name].map { [$0.rows, $0.columns] } ?? []
    case .memory(let tensors): tensors[name].map { [$0.rows, $0.columns] } ?? []
    case .source(let source): source.shapes[name] ?? []
    }
  }

  /// A matrix whose name is known to be there.
  private func matrix(_ name: String) throws(TensorFileError) -> Matrix<Double> {
    switch storage {
    case .file(let file):
      let matrix: Matrix<Double> = try file.matrix(name)
      try requireUnchanged()
      return matrix
    case .memory(let tensors):
      guard let matrix = tensors[name] else { preconditionFailure("there is no matrix \(name)") }
      return matrix
    case .source(let source): return try source.matrix(name)
    }
  }

  private func matrix(_ name: String, rows: Int, columns: Int) throws -> Matrix<Double> {
    let matrix = try matrix(name)
    try check(name, matrix.rows, matrix.columns, is: rows, columns)
    try checkFinite(matrix, name)
    return matrix
  }

  private func check(
    _ name: String, _ foundRows: Int, _ foundColumns: Int, is rows: Int, _ columns: Int
  ) throws(GradientStoreError) {
    guard foundRows == rows, foundColumns == columns else {
      throw .unusableCurvature(
        path: path, field: name,
        reason:
          "it is \(foundRows) × \(foundColumns) where the store asks for \(rows) × \(columns); compute both from the same model"
      )
    }
  }

  private func checkFinite(
    _ matrix: Matrix<Double>, _ name: String
  ) throws(GradientStoreError) {
    guard matrix.elements.allSatisfy(\.isFinite) else {
      throw .unusableCurvature(
        path: path, field: name, reason: "it holds NaN or infinite numbers; compute it again")
    }
  }
}

extension StoredCurvature {
  /// Whether there is an eigenbasis of a block with the second moments in it, so that none is computed.
  package func holdsEigenbasis(of block: Block) -> Bool {
    [KroneckerFactors.Part.activationBasis, .outputBasis, .eigenvalues].allSatisfy {
      holds("\(block.name).\($0.rawValue)")
    }
  }
}
