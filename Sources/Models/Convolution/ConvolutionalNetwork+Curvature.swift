internal import Algorithms
public import Data
public import Gradients
public import LinearAlgebra
internal import RealModule

extension ConvolutionalNetwork {
  /// The Kronecker factors of every parameter, with their eigenbases and the second moments in them.
  ///
  /// A convolution is a linear map at each place t, whose input is xₜ and the gradient by whose output δₜ: A = mean of
  /// x·xᵀ over all places of all examples, S = Σ δ·δᵀ over the places, mean over examples, so that S ⊗ A is of the size of
  /// the mean g·gᵀ of the examples' gradients g = Σ δₜ·xₜᵀ. Grosse and Martens, "A Kronecker-factored approximate Fisher
  /// matrix for convolution layers" (2016), with places that do not correlate. Λ = mean (Q_s·g·Q_aᵀ)² is of whole gradients.
  ///
  /// - Parameters:
  ///   - data: Examples that fit the network.
  ///   - labels: Whose labels.
  /// - Returns: Factors by block, in the order of ``layout``.
  /// - Throws: ``ModelError`` if the data do not fit; `FactorizationError`.
  public func kroneckerFactors(
    over data: TabularDataSet<Element>, labels: FisherLabels = .empirical
  ) throws -> [(block: String, factors: KroneckerFactors)] {
    try checkFit(data)
    let drawn = fisherLabels(labels, of: data)
    var moments = layers.map { layer in
      (
        inputs: SymmetricAccumulator(order: layer.inputs),
        deltas: SymmetricAccumulator(order: layer.outputs), places: 0
      )
    }
    for rows in (0..<data.count).chunks(ofCount: Self.batchSize) {
      let pass = forwardAndBack(Matrix(data.features.view[rows: rows]), labels: drawn[rows])
      for index in layers.indices {
        moments[index].inputs.add(gramOf: pass.inputs[index].transposed)
        moments[index].deltas.add(gramOf: pass.deltas[index].transposed)
        moments[index].places += pass.inputs[index].rows
      }
    }
    var factors: [KroneckerFactors] = []
    for moment in moments {
      var (inputs, deltas) = (moment.inputs.matrix(), moment.deltas.matrix())
      inputs.scale(by: 1 / Double(moment.places))
      deltas.scale(by: 1 / Double(data.count))
      let outputBasis = try SymmetricEigendecomposition(decomposing: deltas).vectors
      factors.append(
        KroneckerFactors(
          activations: inputs, outputGradients: deltas,
          activationBasis: try SymmetricEigendecomposition(decomposing: inputs).vectors,
          outputBasis: outputBasis, eigenvalues: .zeros(deltas.rows, inputs.rows)))
      // A bias reads 1 at each place.
      let one = Matrix<Double>(repeating: 1, rows: 1, columns: 1)
      factors.append(
        KroneckerFactors(
          activations: one, outputGradients: deltas, activationBasis: one,
          outputBasis: outputBasis, eigenvalues: .zeros(deltas.rows, 1)))
    }
    try forEachGradientBatch(of: data, labels: drawn, batchSize: 256) { _, blocks, _ in
      for (index, block) in blocks.enumerated() { factors[index].addSecondMoments(of: block) }
    }
    for index in factors.indices { factors[index].eigenvalues?.scale(by: 1 / Double(data.count)) }
    return zip(layout.blocks, factors).map { ($0.name, $1) }
  }

  /// The labels of all rows: the data's, or drawn from the softmax, each by its own random sequence.
  private func fisherLabels(_ labels: FisherLabels, of data: TabularDataSet<Element>) -> [Int] {
    guard case .sampled(let seed) = labels else { return data.labels }
    let logits = logits(of: data.features.view)
    return (0..<data.count).map { row in
      var generator = SeededGenerator(seed: seed, stream: RandomStream.fisherLabels + UInt64(row))
      return Softmax(logits[row: row].map { Double($0) }).drawn(generator.uniform())
    }
  }

  /// The Hessian of the mean loss, by central differences of gradients in double precision.
  ///
  /// - Returns: `D × D`, symmetric, with errors of some 1e-8 of its largest number where no positive part is at its corner.
  /// - Throws: ``ModelError``, among them that there are more than ``mostParameters``.
  /// - Complexity: Gradients of all examples, twice for each parameter.
  public func hessian(over data: TabularDataSet<Element>) throws -> Matrix<Double> {
    let count = try requireFewParameters(data)
    let (network, examples) = try inDouble(data)
    let step = 1e-5
    let start = network.values
    let rows = try Parallelism.map(count) { column in
      let sides = [step, -step].map { move in
        var moved = start
        var place = column
        for tensor in moved.indices {
          guard place >= moved[tensor].count else {
            moved[tensor][place] += move
            break
          }
          place -= moved[tensor].count
        }
        var other = network
        other.values = moved
        return other.meanGradient(of: examples)
      }
      return zip(sides[0], sides[1]).map { ($0 - $1) / (2 * step) }
    }
    var hessian = Matrix<Double>.zeros(count, count)
    for row in 0..<count {
      for column in 0..<count { hessian[row, column] = (rows[row][column] + rows[column][row]) / 2 }
    }
    return hessian
  }

  /// The generalised Gauss–Newton matrix of the mean loss: Σ p(c)·g(c)·g(c)ᵀ over the classes c, with the gradients g(c)
  /// of −log p(c).
  ///
  /// - Throws: As ``hessian(over:)``.
  /// - Complexity: Gradients of all examples for each class, and n · D² for each.
  public func gaussNewton(over data: TabularDataSet<Element>) throws -> Matrix<Double> {
    let count = try requireFewParameters(data)
    let (network, examples) = try inDouble(data)
    var sum = Matrix<Double>.zeros(count, count)
    for label in 0..<outputs {
      let labels = Array(repeating: label, count: data.count)
      try network.forEachGradientBatch(of: examples, labels: labels, batchSize: 256) {
        rows, blocks, losses in
        var gradients = Matrix<Double>.zeros(rows.count, count)
        var column = 0
        for block in blocks {
          gradients.place(block, firstColumn: column)
          column += block.columns
        }
        gradients.scaleRows(
          by: losses.map { (Double.exp(-$0) / Double(data.count)).squareRoot() })
        sum.add(product: gradients.transposed, gradients.view)
      }
    }
    return sum
  }

  private func requireFewParameters(_ data: TabularDataSet<Element>) throws(ModelError) -> Int {
    try checkFit(data)
    let count = layout.columnCount
    guard count <= Self.mostParameters else {
      throw .tooManyParameters(count: count, limit: Self.mostParameters)
    }
    return count
  }

  private func inDouble(
    _ data: TabularDataSet<Element>
  ) throws -> (ConvolutionalNetwork<Double>, TabularDataSet<Double>) {
    (
      ConvolutionalNetwork<Double>(converting: self),
      try TabularDataSet(
        features: Matrix<Double>(converting: data.features), labels: data.labels,
        classCount: outputs)
    )
  }
}

extension KroneckerFactors {
  /// Adds (Q_s·g·Q_aᵀ)², element by element, of each example's gradient g.
  ///
  /// - Parameter rows: `n × qp`.
  fileprivate mutating func addSecondMoments<Element: Scalar>(of rows: Matrix<Element>) {
    guard let inputs = activationBasis, let outputs = outputBasis, var sum = eigenvalues else {
      return
    }
    eigenvalues = nil
    let q = outputs.rows
    let stacked = Matrix<Double>(
      converting: Matrix(
        rows: rows.rows * q, columns: inputs.rows, elements: rows.elements))
    let turned = Matrix(product: stacked.view, inputs.transposed)
    for example in 0..<rows.rows {
      var part = Matrix(
        product: outputs.view, turned.view[rows: example * q..<(example + 1) * q])
      part.multiply(by: part)
      sum.add(part, scale: 1)
    }
    eigenvalues = sum
  }
}
