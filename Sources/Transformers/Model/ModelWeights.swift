package import LinearAlgebra

/// The frozen weights of a checkpoint in the precision of a computation.
///
/// Converted once and kept, or anew whenever they are asked for, where memory is short.
package struct ModelWeights<Element: Scalar>: Sendable {
  let checkpoint: Checkpoint
  private let kept: [String: Matrix<Element>]

  /// - Parameters:
  ///   - checkpoint: Where the weights are.
  ///   - names: Those that are kept.
  /// - Throws: An error about a type that is not read.
  package init(_ checkpoint: Checkpoint, keeping names: [String]) throws {
    let matrices = try Parallelism.map(names.count) {
      Matrix<Element>(converting: try checkpoint.matrix(names[$0]))
    }
    self.checkpoint = checkpoint
    kept = Dictionary(uniqueKeysWithValues: zip(names, matrices))
  }

  /// A tensor as a matrix.
  func matrix(_ name: String) throws -> Matrix<Element> {
    if let matrix = kept[name] { return matrix }
    return Matrix<Element>(converting: try checkpoint.matrix(name))
  }

  /// A tensor as a list.
  func vector(_ name: String) throws -> [Element] { try matrix(name).elements }

  /// Some rows of a tensor.
  func rows(of name: String, _ ids: [Int]) throws -> Matrix<Element> {
    if let matrix = kept[name] { return matrix.selecting(rows: ids) }
    var rows = Matrix<Element>.zeros(ids.count, try checkpoint.shape(of: name).last ?? 1)
    for (row, id) in ids.enumerated() {
      let stored = Matrix<Element>(converting: try checkpoint.rows(of: name, id..<id + 1))
      rows.place(stored.view, firstRow: row, firstColumn: 0)
    }
    return rows
  }
}
