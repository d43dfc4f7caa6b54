internal import Algorithms
public import Data
internal import Gradients
public import LinearAlgebra
internal import RealModule

extension MultilayerPerceptron {
  /// The number of trained parameters D.
  public var parameterCount: Int { layout.columnCount }

  /// The Hessian of the mean loss times a direction, by the R-operator in matrix products.
  ///
  /// Pearlmutter, "Fast Exact Multiplication by the Hessian" (1994): every step of the pass forward and
  /// back is differentiated along the direction, which takes one more pass and no approximation. At its
  /// corner, relu has no curvature.
  ///
  /// - Parameters:
  ///   - direction: D numbers, in the order of ``layout``.
  ///   - data: Examples that fit the network.
  /// - Returns: D numbers.
  /// - Throws: ``ModelError`` if the data do not fit, or there are none.
  /// - Complexity: about 12n operations for each weight.
  public func hessianProduct(
    with direction: [Element], over data: TabularDataSet<Element>
  ) throws(ModelError) -> [Element] {
    try checkFit(data)
    let pass = forwardAndBack(data.features, labels: data.labels[...])
    return product(with: direction, pass)
  }

  /// The Hessian of the mean loss, column by column from its products with unit vectors.
  ///
  /// - Parameter data: Examples that fit the network.
  /// - Returns: `D × D`, symmetric; indefinite away from a minimum.
  /// - Throws: ``ModelError``; ``ModelError/tooManyParameters(count:limit:)`` for more than 8192.
  /// - Complexity: D products; 8D² bytes.
  public func hessian(over data: TabularDataSet<Element>) throws -> Matrix<Double> {
    try checkFit(data)
    try checkExplicit()
    let pass = forwardAndBack(data.features, labels: data.labels[...])
    let count = parameterCount
    let columns = try Parallelism.map(count) { column in
      var unit = [Element](repeating: 0, count: count)
      unit[column] = 1
      return product(with: unit, pass).map { Double($0) }
    }
    var hessian = Matrix(rows: count, columns: count, elements: columns.flatMap { $0 })
    // Symmetric but for rounding.
    let turned = Matrix(hessian.transposed)
    hessian.add(turned, scale: 1)
    hessian.scale(by: 0.5)
    return hessian
  }

  /// The generalised Gauss–Newton matrix of the mean loss: mean Jᵀ·(diag(p) − ppᵀ)·J.
  ///
  /// With diag(p) − ppᵀ = Σₖ pₖ·(eₖ − p)·(eₖ − p)ᵀ it is a sum of squares of n · classes gradients, so it is
  /// never indefinite. For softmax the same as the Fisher matrix of the model's own labels; of a network
  /// without hidden layers the Hessian itself, (1/n) Σ (diag(p) − ppᵀ) ⊗ x·xᵀ. Schraudolph (2002).
  ///
  /// - Parameter data: Examples that fit the network.
  /// - Returns: `D × D`, positive semidefinite.
  /// - Throws: ``ModelError``; ``ModelError/tooManyParameters(count:limit:)`` for more than 8192.
  /// - Complexity: n · classes · D² operations; 8D² bytes.
  public func gaussNewton(over data: TabularDataSet<Element>) throws(ModelError) -> Matrix<Double> {
    try gaussNewton(over: data, weights: nil)
  }

  /// The same of the weighted mean loss Σ wᵢ·ℓᵢ/Σ wᵢ; all weights 1 unless given, none negative.
  func gaussNewton(
    over data: TabularDataSet<Element>, weights: [Double]?
  ) throws(ModelError) -> Matrix<Double> {
    try checkFit(data)
    try checkExplicit()
    var sum = SymmetricAccumulator(order: parameterCount)
    for rows in (0..<data.count).chunks(ofCount: 256) {
      var pass = forward(Matrix(data.features.view[rows: rows]))
      let probabilities = pass.logits.rowSoftmax()
      for label in 0..<outputs {
        var gradients = probabilities
        gradients.scale(by: -1)
        for row in 0..<rows.count { gradients[row, label] += 1 }
        gradients.scaleRows(
          by: (0..<rows.count).map {
            let weight = Element(weights?[rows.lowerBound + $0] ?? 1)
            return Element.sqrt(max(0, weight * probabilities[$0, label]))
          })
        back(&pass, from: gradients)
        sum.add(gramOf: joinedGradients(of: pass).transposed)
      }
    }
    var matrix = sum.matrix()
    matrix.scale(by: 1 / (weights?.reduce(0, +) ?? Double(data.count)))
    return matrix
  }

  /// All blocks' gradients side by side, `n × D`.
  private func joinedGradients(of pass: NetworkPass<Element>) -> Matrix<Element> {
    var blocks: [[Element]] = []
    fillGradients(&blocks, of: pass, fromLayer: 0)
    let rows = pass.logits.rows
    var joined = Matrix<Element>.zeros(rows, parameterCount)
    for (block, elements) in zip(layout.blocks, blocks) {
      joined.place(
        Matrix(rows: rows, columns: block.width, elements: elements),
        firstColumn: block.columns.lowerBound)
    }
    return joined
  }

  private func checkExplicit() throws(ModelError) {
    let limit = 8192
    guard parameterCount <= limit else {
      throw .tooManyParameters(count: parameterCount, limit: limit)
    }
  }
}

// The derivative of each step along a direction; `r` before a name stands for it.
extension MultilayerPerceptron {
  private struct Directions {
    var weight: Matrix<Element>?
    var bias: [Element]?
    var down: Matrix<Element>?
    var up: Matrix<Element>?
  }

  private func directions(_ direction: [Element]) -> [Directions] {
    var result = [Directions](repeating: Directions(), count: layers.count)
    for (parameter, block) in zip(trainableParameters, layout.blocks) {
      let values = Array(direction[block.columns])
      let matrix = {
        Matrix(rows: parameter.shape[0], columns: parameter.shape[1], elements: values)
      }
      switch parameter.role {
      case .weight: result[parameter.layer].weight = matrix()
      case .bias: result[parameter.layer].bias = values
      case .down: result[parameter.layer].down = matrix()
      case .up: result[parameter.layer].up = matrix()
      }
    }
    return result
  }

  private func product(with direction: [Element], _ pass: NetworkPass<Element>) -> [Element] {
    let count = parameterCount
    precondition(direction.count == count, "\(direction.count) numbers for \(count) parameters")
    let directions = directions(direction)
    let n = pass.logits.rows
    // Forward: what each layer reads, and each adapter's projection, along the direction.
    var rInputs: [Matrix<Element>?] = [nil]
    var rProjections: [Matrix<Element>?] = []
    var rOutputs = Matrix<Element>.zeros(n, outputs)
    for (index, layer) in layers.enumerated() {
      let v = directions[index]
      let input = pass.inputs[index]
      var r = Matrix<Element>.zeros(n, layer.outputs)
      if let rInput = rInputs[index] { r.add(product: rInput.view, layer.weight.transposed) }
      if let weight = v.weight { r.add(product: input.view, weight.transposed) }
      if let bias = v.bias {
        for row in 0..<n { r[row: row] = zip(r[row: row], bias).map { $0 + $1 }[...] }
      }
      var rProjection: Matrix<Element>?
      if let adapter = layer.adapter, let projection = pass.projections[index] {
        var change = Matrix<Element>.zeros(n, adapter.rank)
        if let rInput = rInputs[index] {
          change.add(product: rInput.view, adapter.down.transposed, scale: adapter.scale)
        }
        if let down = v.down {
          change.add(product: input.view, down.transposed, scale: adapter.scale)
        }
        r.add(product: change.view, adapter.up.transposed)
        if let up = v.up { r.add(product: projection.view, up.transposed) }
        rProjection = change
      }
      rProjections.append(rProjection)
      if index == layers.count - 1 {
        rOutputs = r
      } else {
        rInputs.append(activation.inputGradients(from: r, outputs: pass.inputs[index + 1]))
      }
    }
    // Back, from Rδ = (diag(p) − ppᵀ)·Rz.
    var rDelta = pass.logits.rowSoftmax()
    for row in 0..<n {
      let p = rDelta[row: row]
      let r = rOutputs[row: row]
      let mean = zip(p, r).reduce(Element(0)) { $0 + $1.0 * $1.1 }
      rDelta[row: row] = zip(p, r).map { $0 * ($1 - mean) }[...]
    }
    var result = [Element](repeating: 0, count: count)
    for (index, layer) in layers.enumerated().reversed() {
      let v = directions[index]
      let delta = pass.deltas[index]
      var rAdapterDelta: Matrix<Element>?
      if let adapter = layer.adapter {
        var change = Matrix<Element>.zeros(n, adapter.rank)
        change.add(product: rDelta.view, adapter.up.view, scale: adapter.scale)
        if let up = v.up { change.add(product: delta.view, up.view, scale: adapter.scale) }
        rAdapterDelta = change
      }
      write(
        layer: index, pass, rDelta: rDelta, rAdapterDelta: rAdapterDelta, rInput: rInputs[index],
        rProjection: rProjections[index], to: &result)
      guard index > 0 else { break }
      var upstream = Matrix(product: delta.view, layer.weight.view)
      var rUpstream = Matrix(product: rDelta.view, layer.weight.view)
      if let weight = v.weight { rUpstream.add(product: delta.view, weight.view) }
      if let adapter = layer.adapter, let adapterDelta = pass.adapterDeltas[index],
        let rAdapterDelta
      {
        upstream.add(product: adapterDelta.view, adapter.down.view)
        rUpstream.add(product: rAdapterDelta.view, adapter.down.view)
        if let down = v.down { rUpstream.add(product: adapterDelta.view, down.view) }
      }
      let outputs = pass.inputs[index]
      rDelta = activation.inputGradients(from: rUpstream, outputs: outputs)
      // f″ along the direction: of tanh −2y·Ry, of relu none.
      if activation == .tanh, let rInput = rInputs[index] {
        var bend = upstream
        bend.multiply(by: outputs)
        bend.multiply(by: rInput)
        rDelta.add(bend, scale: -2)
      }
    }
    let share = 1 / Element(n)
    return result.map { $0 * share }
  }

  /// Rδᵀ·x + δᵀ·Rx of each trained tensor of a layer.
  private func write(
    layer: Int, _ pass: NetworkPass<Element>, rDelta: Matrix<Element>,
    rAdapterDelta: Matrix<Element>?, rInput: Matrix<Element>?, rProjection: Matrix<Element>?,
    to result: inout [Element]
  ) {
    func product(
      _ rLeft: Matrix<Element>?, _ right: Matrix<Element>?, _ left: Matrix<Element>?,
      _ rRight: Matrix<Element>?
    ) -> [Element] {
      guard let rLeft, let right, let left else { return [] }
      var sum = Matrix(product: rLeft.transposed, right.view)
      if let rRight { sum.add(product: left.transposed, rRight.view) }
      return sum.elements
    }
    for (parameter, block) in zip(trainableParameters, layout.blocks)
    where parameter.layer == layer {
      let values =
        switch parameter.role {
        case .weight: product(rDelta, pass.inputs[layer], pass.deltas[layer], rInput)
        case .bias: rDelta.columnSums()
        case .down: product(rAdapterDelta, pass.inputs[layer], pass.adapterDeltas[layer], rInput)
        case .up: product(rDelta, pass.projections[layer], pass.deltas[layer], rProjection)
        }
      result.replaceSubrange(block.columns, with: values)
    }
  }
}
