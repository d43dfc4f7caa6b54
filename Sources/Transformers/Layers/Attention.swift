import LinearAlgebra

/// Attention of several heads: queries, keys and values of each token, what tokens gather from each other, and a map
/// of the result.
struct Attention<Element: Scalar>: Sendable {
  /// Where queries, keys and values come from.
  enum Projections: Sendable {
    case separate(query: LinearMap<Element>, key: LinearMap<Element>, value: LinearMap<Element>)
    /// One map makes all three, one after the other, of the same size.
    case joined(LinearMap<Element>)
  }

  let projections: Projections
  let output: LinearMap<Element>
  let core: AttentionCore

  /// What backward needs of forward.
  struct Saved {
    let maps: [LinearMap<Element>.Saved]
    let (q, k, v): (Matrix<Element>, Matrix<Element>, Matrix<Element>)
    let core: AttentionCore.Saved<Element>
    let output: LinearMap<Element>.Saved
  }

  private var maps: [LinearMap<Element>] {
    switch projections {
    case .separate(let query, let key, let value): [query, key, value]
    case .joined(let map): [map]
    }
  }

  /// Whether something of it is trained.
  var isTrained: Bool { maps.contains(where: \.isTrained) || output.isTrained }

  /// - Parameter x: tokens × hidden.
  func forward(_ x: Matrix<Element>, _ pass: LayerPass<Element>) -> (Matrix<Element>, Saved) {
    let made = maps.map { $0.forward(x, pass) }
    var values = made.count == 3 ? made.map(\.0) : made[0].0.columnThirds
    if let rotation = pass.rotation {
      values[0].rotate(heads: core.headCount, positions: pass.positions, by: rotation)
      values[1].rotate(heads: core.keyValueHeadCount, positions: pass.positions, by: rotation)
    }
    let gathered = core.forward(values[0], values[1], values[2], pass)
    let (y, saved) = output.forward(gathered.output, pass)
    return (
      y,
      Saved(
        maps: made.map(\.1), q: values[0], k: values[1], v: values[2], core: gathered,
        output: saved)
    )
  }

  /// - Returns: The gradient by what was read, tokens × hidden; nil where it is not needed.
  func backward(
    _ dy: Matrix<Element>, _ saved: Saved, _ pass: inout LayerPass<Element>, needsInput: Bool
  ) -> Matrix<Element>? {
    let maps = maps
    let needsCore = needsInput || maps.contains(where: \.isTrained)
    guard let dOutput = output.backward(dy, saved.output, &pass, needsInput: needsCore) else {
      return nil
    }
    var (dq, dk, dv) = core.backward(
      dOutput, q: saved.q, k: saved.k, v: saved.v, saved.core, pass)
    if let rotation = pass.rotation {
      dq.rotate(
        heads: core.headCount, positions: pass.positions, by: rotation, isBackward: true)
      dk.rotate(
        heads: core.keyValueHeadCount, positions: pass.positions, by: rotation, isBackward: true)
    }
    let gradients = maps.count == 3 ? [dq, dk, dv] : [Matrix(sideBySide: [dq, dk, dv])]
    var dx: Matrix<Element>?
    for (index, map) in maps.enumerated() {
      let more = map.backward(gradients[index], saved.maps[index], &pass, needsInput: needsInput)
      if let more, dx?.add(more, scale: 1) == nil { dx = more }
    }
    return dx
  }
}

extension Matrix {
  /// Three matrices of a third of the columns each.
  fileprivate var columnThirds: [Matrix] {
    let width = columns / 3
    return (0..<3).map { Matrix(view[columns: $0 * width..<($0 + 1) * width]) }
  }

  /// Matrices of the same rows, one beside the other.
  fileprivate init(sideBySide parts: [Matrix]) {
    self = .zeros(parts[0].rows, parts.reduce(0) { $0 + $1.columns })
    var column = 0
    for part in parts {
      place(part.view, firstRow: 0, firstColumn: column)
      column += part.columns
    }
  }
}
