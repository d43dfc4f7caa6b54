public import Foundation
public import LinearAlgebra
import OrderedCollections
public import TensorFiles

/// What a model knows of its curvature beside its gradients: `curvature.safetensors` in the folder of
/// a training store.
///
/// Tensors are float64. Of a block B that is a linear map of p inputs and q outputs:
/// `B.activations` (`p × p`), `B.output_gradients` (`q × q`), and, for EK-FAC, `B.activation_basis`
/// (`p × p`), `B.output_basis` (`q × q`), `B.eigenvalues` (`q × p`). Of the whole model, over all D
/// columns in the layout's order: `hessian` and `ggn` (`D × D`), of the mean training loss.
public struct StoredCurvature: Sendable {
  /// The file's name in a store's folder.
  public static let fileName = "curvature.safetensors"

  /// A second derivative of the mean training loss by all parameters.
  public enum SecondDerivative: String, Sendable, CaseIterable {
    /// The Hessian itself, which may be indefinite.
    case hessian
    /// The generalised Gauss–Newton matrix JᵀHJ, with H the Hessian by the model's outputs.
    case gaussNewton = "ggn"
  }

  private let file: SafetensorsFile

  /// Opens the file; tensors are mapped and not read yet.
  ///
  /// - Throws: ``TensorFileError``.
  public init(opening url: URL) throws(TensorFileError) {
    file = try SafetensorsFile(opening: url)
  }

  /// What is beside a store; nil where there is nothing.
  static func beside(storeAt folder: URL) throws(TensorFileError) -> StoredCurvature? {
    let url = folder.appending(path: fileName)
    guard FileManager.default.fileExists(atPath: url.path) else { return nil }
    return try StoredCurvature(opening: url)
  }

  /// Where the file is.
  public var path: String { file.map.path }
  /// What the writer said: `fisher` (`empirical` or `sampled`), `examples`, `regularization`.
  public var metadata: [String: String] {
    Dictionary(uniqueKeysWithValues: file.metadata.map { ($0, $1) })
  }
  /// The blocks of which there are Kronecker factors.
  public var kroneckerBlocks: [String] {
    let ending = "." + KroneckerFactors.Part.activations.rawValue
    return file.tensors.keys.filter { $0.hasSuffix(ending) }.map {
      String($0.dropLast(ending.count))
    }
  }

  /// The Kronecker factors of one block.
  ///
  /// - Parameter block: Its name and shape: `q × p` or, of a bias, q.
  /// - Throws: ``GradientStoreError/unusableCurvature(path:field:reason:)`` where there are none, or not of
  ///   the block's shape.
  public func kroneckerFactors(of block: Block) throws -> KroneckerFactors {
    let (outputs, inputs) = try block.matrixShape(neededBy: "Kronecker factors")
    func part(_ part: KroneckerFactors.Part, _ rows: Int, _ columns: Int) throws -> Matrix<Double>?
    {
      let name = "\(block.name).\(part.rawValue)"
      guard file.tensors[name] != nil else { return nil }
      return try matrix(name, rows: rows, columns: columns)
    }
    guard
      let activations = try part(.activations, inputs, inputs),
      let gradients = try part(.outputGradients, outputs, outputs)
    else {
      throw GradientStoreError.unusableCurvature(
        path: path, field: "\(block.name).\(KroneckerFactors.Part.activations.rawValue)",
        reason:
          "there are no Kronecker factors of this block; write them with `influence gradients --factors`, and score by tensor"
      )
    }
    return KroneckerFactors(
      activations: activations, outputGradients: gradients,
      activationBasis: try part(.activationBasis, inputs, inputs),
      outputBasis: try part(.outputBasis, outputs, outputs),
      eigenvalues: try part(.eigenvalues, outputs, inputs))
  }

  /// Whether there is such a matrix.
  public func holds(_ kind: SecondDerivative) -> Bool { file.tensors[kind.rawValue] != nil }

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
    guard holds(kind) else {
      throw GradientStoreError.unusableCurvature(
        path: path, field: kind.rawValue,
        reason: "the file does not hold it; write it with `influence gradients --hessian`")
    }
    let whole = try file.mapped(kind.rawValue)
    try check(kind.rawValue, whole.rows, whole.columns, is: columnCount, columnCount)
    let width = columns.reduce(0) { $0 + $1.count }
    var result = Matrix<Double>.zeros(width, width)
    var first = (row: 0, column: 0)
    for rows in columns {
      first.column = 0
      for range in columns {
        let part: Matrix<Double> = whole[rows: rows][columns: range].matrix()
        for row in 0..<part.rows {
          for column in 0..<part.columns {
            result[first.row + row, first.column + column] = part[row, column]
          }
        }
        first.column += range.count
      }
      first.row += rows.count
    }
    try checkFinite(result, kind.rawValue)
    return result
  }

  private func matrix(_ name: String, rows: Int, columns: Int) throws -> Matrix<Double> {
    let matrix: Matrix<Double> = try file.matrix(name)
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
  /// Writes what a model knows of its curvature beside a training store.
  ///
  /// - Parameters:
  ///   - kronecker: Factors by the name of their block.
  ///   - hessian: `D × D`.
  ///   - gaussNewton: `D × D`.
  ///   - metadata: What to record, such as `fisher` and `examples`.
  ///   - folder: The store's folder; the file appears there whole.
  /// - Throws: ``TensorFileError``.
  public static func write(
    kronecker: [(block: String, factors: KroneckerFactors)] = [],
    hessian: Matrix<Double>? = nil, gaussNewton: Matrix<Double>? = nil,
    metadata: [String: String] = [:], to folder: URL
  ) throws(TensorFileError) {
    var tensors: [(name: String, matrix: Matrix<Double>)] = []
    for (block, factors) in kronecker {
      for (part, matrix) in factors.parts { tensors.append(("\(block).\(part.rawValue)", matrix)) }
    }
    if let hessian { tensors.append((SecondDerivative.hessian.rawValue, hessian)) }
    if let gaussNewton { tensors.append((SecondDerivative.gaussNewton.rawValue, gaussNewton)) }
    var writer = try SafetensorsWriter(
      at: folder.appending(path: fileName),
      tensors: tensors.map {
        .init(name: $0.name, elementType: .float64, shape: [$0.matrix.rows, $0.matrix.columns])
      },
      metadata: OrderedDictionary(
        uniqueKeysWithValues: metadata.sorted { $0.key < $1.key }.map { ($0, $1) }))
    for (_, matrix) in tensors { try writer.append(matrix) }
    try writer.commit()
  }
}

/// The Kronecker factors of a linear map y = W·x, W of q × p: F ≈ S ⊗ A.
///
/// Martens and Grosse, "Optimizing Neural Networks with Kronecker-factored Approximate Curvature" (2015);
/// the corrected eigenvalues: George et al., "Fast Approximate Natural Gradient Descent in a
/// Kronecker-factored Eigenbasis" (2018).
public struct KroneckerFactors: Sendable {
  enum Part: String, CaseIterable {
    case activations
    case outputGradients = "output_gradients"
    case activationBasis = "activation_basis"
    case outputBasis = "output_basis"
    case eigenvalues
  }

  /// A = mean a·aᵀ of the inputs, `p × p`.
  public var activations: Matrix<Double>
  /// S = mean s·sᵀ of the gradients by the outputs, `q × q`.
  public var outputGradients: Matrix<Double>
  /// The eigenvectors of A, a row each, `p × p`.
  public var activationBasis: Matrix<Double>?
  /// The eigenvectors of S, a row each, `q × q`.
  public var outputBasis: Matrix<Double>?
  /// Λ = mean (Q_s·g·Q_aᵀ)², element by element, `q × p`: the second moments in the eigenbasis.
  public var eigenvalues: Matrix<Double>?

  /// Makes factors of their matrices.
  public init(
    activations: Matrix<Double>, outputGradients: Matrix<Double>,
    activationBasis: Matrix<Double>? = nil, outputBasis: Matrix<Double>? = nil,
    eigenvalues: Matrix<Double>? = nil
  ) {
    self.activations = activations
    self.outputGradients = outputGradients
    self.activationBasis = activationBasis
    self.outputBasis = outputBasis
    self.eigenvalues = eigenvalues
  }

  fileprivate var parts: [(Part, Matrix<Double>)] {
    let all: [(Part, Matrix<Double>?)] = [
      (.activations, activations), (.outputGradients, outputGradients),
      (.activationBasis, activationBasis), (.outputBasis, outputBasis), (.eigenvalues, eigenvalues),
    ]
    return all.compactMap { part, matrix in matrix.map { (part, $0) } }
  }
}

extension Block {
  /// The block as a matrix of q outputs and p inputs: `q × p` as it is, a vector as `q × 1`.
  ///
  /// - Parameter method: Who asks, for the error.
  /// - Throws: ``GradientStoreError/notMatrixShaped(block:shape:neededBy:)`` of other shapes.
  public func matrixShape(neededBy method: String) throws -> (outputs: Int, inputs: Int) {
    switch shape.count {
    case 1: (shape[0], 1)
    case 2: (shape[0], shape[1])
    default:
      throw GradientStoreError.notMatrixShaped(block: name, shape: shape, neededBy: method)
    }
  }
}
