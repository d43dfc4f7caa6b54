package import LinearAlgebra

/// Attention of several heads: queries, keys and values of each token, what tokens gather from each other, and a map
/// of the result.
package struct Attention<Element: Scalar>: Sendable {
  /// Where queries, keys and values come from.
  enum Projections: Sendable {
    case separate(query: LinearMap<Element>, key: LinearMap<Element>, value: LinearMap<Element>)
    /// One map makes all three, one after the other, of the same size.
    case joined(LinearMap<Element>)
  }

  let projections: Projections
  let output: LinearMap<Element>
  package let core: AttentionCore

  /// What backward needs of forward.
  package struct Saved {
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

  /// - Parameters:
  ///   - x: tokens × hidden.
  ///   - kept: The rows that are asked for; all where it is nil.
  ///   - cache: The keys and values of the tokens before, which these are added to; nil where x is whole texts.
  /// - Returns: A row for each that is asked for.
  package func forward(
    _ x: Matrix<Element>, _ pass: LayerPass<Element>, kept: KeptRows?,
    cache: KeyValueCache<Element>? = nil
  ) -> (Matrix<Element>, Saved) {
    let queryPass = kept.map(pass.keeping) ?? pass
    var (values, saved): ([Matrix<Element>], [LinearMap<Element>.Saved])
    switch projections {
    case .separate(let query, let key, let value):
      let asked = kept.map { x.selecting(rows: $0.rows) } ?? x
      let made = [query.forward(asked, queryPass), key.forward(x, pass), value.forward(x, pass)]
      (values, saved) = (made.map(\.0), made.map(\.1))
    case .joined(let map):
      let made = map.forward(x, pass)
      (values, saved) = (made.0.columnThirds, [made.1])
      if let kept { values[0] = values[0].selecting(rows: kept.rows) }
    }
    if let rotation = pass.rotation {
      values[0].rotate(heads: core.headCount, positions: queryPass.positions, by: rotation)
      values[1].rotate(heads: core.keyValueHeadCount, positions: pass.positions, by: rotation)
    }
    var seen = pass
    if let cache {
      cache.append(keys: values[1], values: values[2])
      (values[1], values[2]) = (cache.keys, cache.values)
      seen = pass.seeing(cache.count)
    }
    let gathered = core.forward(values[0], values[1], values[2], seen, queries: queryPass)
    let (y, outputSaved) = output.forward(gathered.output, queryPass)
    return (
      y,
      Saved(
        maps: saved, q: values[0], k: values[1], v: values[2], core: gathered, output: outputSaved)
    )
  }

  /// - Parameter dy: A row for each that was asked for.
  /// - Returns: The gradient by what was read, tokens × hidden; nil where it is not needed.
  package func backward(
    _ dy: Matrix<Element>, _ saved: Saved, _ pass: inout LayerPass<Element>, kept: KeptRows?,
    needsInput: Bool
  ) -> Matrix<Element>? {
    let queryPass = kept.map(pass.keeping) ?? pass.withoutGradients
    let needsCore = needsInput || maps.contains(where: \.isTrained)
    let below = pass.lendGradients(to: queryPass) {
      output.backward(dy, saved.output, &$0, needsInput: needsCore)
    }
    guard let dOutput = below else { return nil }
    var (dq, dk, dv) = core.backward(
      dOutput, q: saved.q, k: saved.k, v: saved.v, saved.core, pass, queries: queryPass)
    if let rotation = pass.rotation {
      dq.rotate(
        heads: core.headCount, positions: queryPass.positions, by: rotation, isBackward: true)
      dk.rotate(
        heads: core.keyValueHeadCount, positions: pass.positions, by: rotation, isBackward: true)
    }
    switch projections {
    case .joined(let map):
      if let kept { dq = dq.spread(to: kept.rows, of: dk.rows) }
      return map.backward(
        Matrix(sideBySide: [dq, dk, dv]), saved.maps[0], &pass, needsInput: needsInput)
    case .separate(let query, let key, let value):
      var dx = pass.lendGradients(to: queryPass) {
        query.backward(dq, saved.maps[0], &$0, needsInput: needsInput)
      }
      if let kept { dx = dx?.spread(to: kept.rows, of: dk.rows) }
      for (map, gradient, saved) in [(key, dk, saved.maps[1]), (value, dv, saved.maps[2])] {
        if let more = map.backward(gradient, saved, &pass, needsInput: needsInput) {
          dx?.add(more, scale: 1)
        }
      }
      return dx
    }
  }
}

extension Matrix {
  /// Three matrices of a third of the columns each.
  fileprivate var columnThirds: [Matrix] {
    let width = columns / 3
    return (0..<3).map { Matrix(view[columns: $0 * width..<($0 + 1) * width]) }
  }

  /// Zeros of so many rows, with these at some of them.
  func spread(to places: [Int], of count: Int) -> Matrix {
    var result = Matrix.zeros(count, columns)
    for (row, place) in places.enumerated() {
      result.place(view[rows: row..<row + 1], firstRow: place, firstColumn: 0)
    }
    return result
  }

  /// Matrices of the same rows, one beside the other.
  init(sideBySide parts: [Matrix]) {
    self = .zeros(parts[0].rows, parts.reduce(0) { $0 + $1.columns })
    var column = 0
    for part in parts {
      place(part.view, firstRow: 0, firstColumn: column)
      column += part.columns
    }
  }
}
