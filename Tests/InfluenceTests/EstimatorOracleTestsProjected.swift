import Foundation
import InfluenceKit
import TestSupport
import Testing

/// Methods on projected gradients, on several checkpoints and under dropout, against plain formulas and
/// against dattri (scripts/oracles: estimators.py, libraries.py).
@Suite("Projections and ensembles against independent programs")
struct EstimatorOracleTestsProjected {
  let fixture: OracleFixture

  init() throws { fixture = try OracleFixture.shared.get() }

  static let weights = ["layers.0.weight", "head.weight"]

  /// What is compared here, or what comparisons start from.
  static let arrays: [String] = {
    var names = ["logra", "self.logra", "tracin", "self.tracin", "ensemble", "segments"]
    names += ["logra_pca", "self.logra_pca", "logra_factors", "self.logra_factors"]
    names += ["inputs", "query_inputs", "trak.projection"]
    for weight in weights {
      for part in ["out", "in", "train", "query"] { names.append("logra.\(part).\(weight)") }
    }
    for number in 0..<3 {
      names.append("checkpoint.\(number)")
      for part in ["train", "query", "probabilities"] { names.append("trak.\(number).\(part)") }
      for key in ["trak", "trak_ridge"] { names += ["\(key).\(number)", "self.\(key).\(number)"] }
    }
    return names
  }()

  /// Relative to the largest result: λ is a tenth of the mean eigenvalue of at most six features, so the
  /// condition is below 61, of sums of 30 and 6 terms.
  @Test("LoGra on gradients that were projected from both sides")
  func logra() throws {
    // The projection itself: φ = P_out·g·P_inᵀ.
    let problem = try fixture.projected(Self.weights)
    for (block, name) in zip(problem.blocks, Self.weights) {
      let original = try #require(fixture.problem.blocks.first { $0.name == name })
      let outer = try fixture.array("logra.out.\(name)")
      let inner = try fixture.array("logra.in.\(name)")
      for row in [0, 29] {
        let gradient = Matrix(
          rows: original.shape[0], columns: original.shape[1],
          elements: Array(original.gradients[row: row]))
        let product = Naive.product(
          Naive.product(outer, gradient), Naive.transpose(inner))
        expectClose(Array(block.gradients[row: row]), product.elements, bound: .relative(1e-13))
      }
    }
    let folder = try TemporaryDirectory()
    func store(
      _ name: String, _ values: KeyPath<Problem.Block, Matrix<Double>>
    ) throws -> GradientStore {
      let writer = try GradientStoreWriter(
        creating: folder.file(name),
        layout: BlockLayout(problem.blocks.map { ($0.name, $0.shape) }),
        elementType: .float64, provenance: ["projection": "logra of the fixture"])
      try writer.append(problem.blocks.map { $0[keyPath: values] })
      try writer.finish()
      return try GradientStore(opening: folder.file(name))
    }
    let bound = Bound.backward(order: 36, condition: 61)
    for side in Side.allCases {
      let fitted = try Curvature(
        fitting: [LoGra()], on: store("train \(side)", \.gradients),
        options: Setup(precision: .double, side: side).options())
      expectClose(
        try fitted.scores(of: store("query \(side)", \.queries))[0].values,
        try fixture.array("logra"), bound: bound)
      expectClose(
        try fitted.selfInfluence()[0].values, try fixture.array("self.logra").elements,
        bound: bound)
      // Single rows of projected gradients are projected gradients.
      let group = try fitted.groupInfluence(
        ofRemoving: [4, 9], on: store("group query \(side)", \.queries))[0]
      let scores = try fixture.array("logra")
      expectClose(
        group.firstOrder, (0..<scores.rows).map { (scores[$0, 4] + scores[$0, 9]) / 30 },
        bound: bound)
    }
  }

  @Test(
    "LoGra by leading directions of the gradients, and of the model's factors",
    arguments: ["logra_pca", "logra_factors"])
  func principal(key: String) throws {
    let folder = try TemporaryDirectory()
    let weights = Problem(
      blocks: fixture.problem.blocks.filter { Self.weights.contains($0.name) })
    let training = weights.training(.double)
      .with(curvature: key == "logra_factors" ? fixture.curvature : nil)
    let sides = try PrincipalSides(of: training, outputs: 2, inputs: 2)
    #expect(sides.source == (key == "logra_factors" ? .factors : .gradients))
    func projected(_ store: GradientStore, _ name: String) throws -> GradientStore {
      _ = try StoreProjection(
        of: store, by: GradientProjection(.principal(sides)), to: folder.file(name)
      ).run()
      return try GradientStore(opening: folder.file(name))
    }
    let (small, queries) = (
      try projected(training, "train"), try projected(weights.queries(.double), "query")
    )
    let bound = Bound.absolute(try fixture.tolerance(key))
    for side in Side.allCases {
      let fitted = try Curvature(
        fitting: [LoGra()], on: small, options: Setup(precision: .double, side: side).options())
      expectClose(
        try fitted.scores(of: queries)[0].values, try fixture.array(key), bound: bound)
      expectClose(
        try fitted.selfInfluence()[0].values, try fixture.array("self.\(key)").elements,
        bound: bound)
    }
  }

  @Test("TRAK at each checkpoint, with and without a ridge, and dattri's", arguments: 0..<3)
  func trak(number: Int) throws {
    let features = try fixture.array("trak.\(number).train")
    let folder = try TemporaryDirectory()
    let probabilities = folder.file("probabilities.npy")
    try NumpyFile.write(try fixture.array("trak.\(number).probabilities"), to: probabilities)
    let count = features.rows
    for (key, ridge) in [("trak", 0), ("trak_ridge", fixture.facts.trakRidge)] {
      let problem = Problem(
        blocks: [
          Problem.Block(
            name: "features", shape: [features.columns], gradients: features,
            queries: try fixture.array("trak.\(number).query"))
        ], damping: .absolute(ridge / Double(count)))
      let gram = Naive.product(Naive.transpose(features), features)
      let values = Naive.eigendecomposition(gram).values
      let condition =
        ((values.max() ?? 0) + ridge) / max((values.min() ?? 0) + ridge, .leastNormalMagnitude)
      #expect(condition < 1e6)
      let bound = Bound.backward(order: count + features.columns, condition: condition)
      // Without a ridge K has no inverse, so that there is a query side alone.
      for side in Side.allCases where ridge > 0 || side == .query {
        let found = try fixture.results(
          of: problem, TRAK(probabilities: probabilities.path), on: side)
        expectClose(found.scores, try fixture.array("\(key).\(number)"), bound: bound)
        expectClose(
          found.own, try fixture.array("self.\(key).\(number)").elements, bound: bound)
        expectClose(found.scores, try fixture.library("dattri.\(key).\(number)"), bound: bound)
      }
    }
  }

  /// dattri multiplies the mean of the products by the mean of 1 − p, as the paper does; a weighted sum of
  /// single models' scores is another number, which is why `trak` is of one model.
  @Test("TRAK of several models is not the mean of its single scores")
  func trakOfSeveral() throws {
    let single = try (0..<3).map { try fixture.array("trak.\($0)") }
    let mean = single.dropFirst().reduce(single[0]) { Naive.sum($0, $1) }.scaled(by: 1 / 3)
    let theirs = try fixture.library("dattri.trak")
    #expect(fixture.libraries.departures["dattri.trak"] != nil)
    #expect(Naive.sum(theirs, mean, scale: -1).largest > 0.01 * mean.largest)
  }

  /// The network at a checkpoint.
  private func network(_ number: Int) throws -> MultilayerPerceptron<Double> {
    let values = try fixture.array("checkpoint.\(number)").elements
    var start = 0
    func next(_ rows: Int, _ columns: Int) -> Matrix<Double> {
      defer { start += rows * columns }
      return Matrix(
        rows: rows, columns: columns, elements: Array(values[start..<start + rows * columns]))
    }
    let first = LinearLayer(weight: next(4, 6), bias: next(4, 1).elements)
    let head = LinearLayer(weight: next(3, 4), bias: next(3, 1).elements)
    return try MultilayerPerceptron(layers: [first, head], activation: .tanh)
  }

  private func store(
    _ name: String, _ network: MultilayerPerceptron<Double>, _ inputs: String, _ labels: [Int]
  ) throws -> GradientStore {
    let gradients = PerExampleGradients(of: network)
    let batch = try gradients.batch(
      of: TabularDataSet(features: try fixture.array(inputs), labels: labels, classCount: 3))
    return GradientStore(
      name: name,
      blocks: zip(gradients.layout.blocks, batch.blocks).map { ($0.name, $0.shape, $1) })
  }

  /// The gradients at each checkpoint; they are those of this package's network.
  private func checkpoints(_ weights: [Double]) throws -> [ScoreEnsemble.Member] {
    try weights.enumerated().map { number, weight in
      let network = try network(number)
      return ScoreEnsemble.Member(
        weight: weight, training: try store("train", network, "inputs", fixture.facts.labels),
        queries: try store("query", network, "query_inputs", fixture.facts.queryLabels))
    }
  }

  @Test("SOURCE over the segments between three checkpoints")
  func segments() throws {
    let ensemble = try ScoreEnsemble(
      try checkpoints(fixture.facts.segmentTimes), as: .segments)
    for side in Side.allCases {
      let options = Setup(precision: .double, side: side).options(certifies: false)
      expectClose(
        try ensemble.scores(by: Source(), options: options).values,
        try fixture.array("segments"), bound: .absolute(try fixture.tolerance("segments")))
    }
  }

  /// From parameters to scores.
  @Test("TracIn over three checkpoints, and dattri's")
  func tracIn() throws {
    let ensemble = try ScoreEnsemble(try checkpoints(fixture.facts.checkpointWeights))
    for side in Side.allCases {
      let options = Setup(precision: .double, side: side).options(certifies: false)
      let scores = try ensemble.scores(by: HessianFree(), options: options).values
      // A forward and a backward pass of sums of at most six terms, and products of 43.
      let bound = Bound.backward(order: 60)
      expectClose(scores, try fixture.array("tracin"), bound: bound)
      expectClose(scores, try fixture.library("dattri.tracin"), bound: bound)
      expectClose(
        try ensemble.selfInfluence(by: HessianFree(), options: options).values,
        try fixture.array("self.tracin").elements, bound: bound)
    }
  }

  @Test("The inner product ensemble under dropout")
  func dropout() throws {
    let members = try (0..<2).map { number in
      let member = try fixture.member(number)
      return ScoreEnsemble.Member(
        weight: 0.5, training: member.training(.double), queries: member.queries(.double))
    }
    for side in Side.allCases {
      let scores = try ScoreEnsemble(members).scores(
        by: HessianFree(),
        options: Setup(precision: .double, side: side).options(certifies: false))
      expectClose(
        scores.values, try fixture.array("ensemble"), bound: .backward(order: 43))
    }
  }
}
