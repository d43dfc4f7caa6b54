internal import Algorithms
public import Data
public import Gradients
internal import LinearAlgebra
internal import TensorFiles

extension MultilayerPerceptron {
  /// The Kronecker factors of every trained tensor, with their eigenbases and the second moments in them.
  ///
  /// An example's gradient by a tensor is s·aᵀ; see ``PerExampleGradients`` for s and a. Martens and
  /// Grosse (2015) for A and S; George et al. (2018) for Λ = mean (Q_s·s)²·((Q_a·a)²)ᵀ, which takes a matrix
  /// product and no gradient.
  ///
  /// - Parameters:
  ///   - data: Training examples that fit the network.
  ///   - labels: Whose labels.
  /// - Returns: Factors by block, in the order of ``layout``.
  /// - Throws: ``ModelError`` if the data do not fit; `FactorizationError`.
  /// - Complexity: n(p² + q² + pq) operations and 9(p³ + q³) per tensor.
  public func kroneckerFactors(
    over data: TabularDataSet<Element>, labels: FisherLabels = .empirical
  ) throws -> [(block: String, factors: KroneckerFactors)] {
    try checkFit(data)
    let parameters = trainableParameters
    // Both factors of a tensor with their eigenvectors, and what decomposes them.
    let copies = 6 * MemoryLayout<Double>.stride
    for parameter in parameters {
      guard MachineMemory.holds(parameter.inputs, parameter.inputs, copies),
        MachineMemory.holds(parameter.outputs, parameter.outputs, copies)
      else { throw ModelError.networkTooLarge([parameter.inputs, parameter.outputs]) }
    }
    var moments = parameters.map { parameter in
      (
        activations: SymmetricAccumulator(order: parameter.inputs),
        gradients: SymmetricAccumulator(order: parameter.outputs)
      )
    }
    try forEachPair(of: data, labels) { index, activations, gradients in
      moments[index].activations.add(gramOf: activations.transposed)
      moments[index].gradients.add(gramOf: gradients.transposed)
    }
    let share = 1 / Double(data.count)
    var factors: [KroneckerFactors] = []
    var sums: [Matrix<Double>] = []
    for (parameter, moment) in zip(parameters, moments) {
      var (activations, gradients) = (moment.activations.matrix(), moment.gradients.matrix())
      activations.scale(by: share)
      gradients.scale(by: share)
      factors.append(
        KroneckerFactors(
          activations: activations, outputGradients: gradients,
          activationBasis: try SymmetricEigendecomposition(decomposing: activations).vectors,
          outputBasis: try SymmetricEigendecomposition(decomposing: gradients).vectors))
      sums.append(.zeros(parameter.outputs, parameter.inputs))
    }
    try forEachPair(of: data, labels) { index, activations, gradients in
      guard let inputs = factors[index].activationBasis, let outputs = factors[index].outputBasis
      else { return }
      var a = Matrix(product: activations.view, inputs.transposed)
      var s = Matrix(product: gradients.view, outputs.transposed)
      a.multiply(by: a)
      s.multiply(by: s)
      sums[index].add(product: s.transposed, a.view)
    }
    for index in factors.indices {
      sums[index].scale(by: share)
      factors[index].eigenvalues = sums[index]
    }
    return zip(parameters, factors).map { ($0.name, $1) }
  }

  /// Gives a and s of every trained tensor, batch by batch, `n × p` and `n × q`.
  private func forEachPair(
    of data: TabularDataSet<Element>, _ labels: FisherLabels,
    _ body: (_ index: Int, _ activations: Matrix<Double>, _ gradients: Matrix<Double>) throws ->
      Void
  ) throws {
    for rows in (0..<data.count).chunks(ofCount: 512) {
      let features = Matrix(data.features.view[rows: rows])
      let drawn = self.labels(labels, of: data, features, rows)
      let pass = forwardAndBack(features, labels: drawn[...])
      for (index, parameter) in trainableParameters.enumerated() {
        let (gradients, inputs) = pass.factors(of: parameter)
        let activations = inputs ?? Matrix(repeating: 1, rows: rows.count, columns: 1)
        try body(
          index, Matrix<Double>(converting: activations), Matrix<Double>(converting: gradients))
      }
    }
  }

  /// The labels of some rows: the data's, or drawn from the softmax, each by its own random sequence.
  private func labels(
    _ labels: FisherLabels, of data: TabularDataSet<Element>, _ features: Matrix<Element>,
    _ rows: Range<Int>
  ) -> [Int] {
    guard case .sampled(let seed) = labels else { return Array(data.labels[rows]) }
    let logits = forward(features).logits
    return rows.map { row in
      let softmax = Softmax(logits[row: row - rows.lowerBound].map { Double($0) })
      var generator = SeededGenerator(
        seed: seed, stream: RandomStream.fisherLabels + UInt64(row))
      return softmax.drawn(generator.uniform())
    }
  }
}

extension TrainableParameter {
  /// p, the inputs of the linear map: 1 of a bias.
  fileprivate var inputs: Int { shape.count > 1 ? shape[1] : 1 }
  /// q.
  fileprivate var outputs: Int { shape[0] }
}
