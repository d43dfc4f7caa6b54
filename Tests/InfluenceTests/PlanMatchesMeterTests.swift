import Foundation
import InfluenceKit
import TestSupport
import Testing

/// Plans are held against what runs count: bytes of passes exactly, operations within a tenth.
@Suite("A plan is what a run does")
struct PlanMatchesMeterTests {
  /// A store whose norms are recorded, with all that any method takes beside gradients.
  struct Shape: Sendable, CustomTestStringConvertible {
    let rows: Int
    let widths: [(outputs: Int, inputs: Int)]
    var testDescription: String { "\(rows) rows, blocks \(widths)" }
  }

  /// More rows than columns, fewer, and about as many; the last with a block that no pass skips.
  static let shapes = [
    Shape(rows: 120, widths: [(4, 5), (3, 7)]), Shape(rows: 30, widths: [(8, 9)]),
    Shape(rows: 64, widths: [(8, 8), (1, 40), (5, 1)]),
  ]

  private func store(_ shape: Shape, _ name: String, rows: Int, seed: UInt64) -> GradientStore {
    var generator = SeededGenerator(seed: seed)
    return GradientStore(
      name: name,
      blocks: shape.widths.enumerated().map { index, sides in
        (
          "block\(index)", [sides.outputs, sides.inputs],
          Matrix<Float>(
            converting: Matrix<Double>.normal(
              rows, sides.outputs * sides.inputs, using: &generator))
        )
      })
  }

  /// Factors, Hessian and probabilities that fit the gradients.
  private func training(_ shape: Shape) throws -> GradientStore {
    let gradients = store(shape, "training", rows: shape.rows, seed: 3)
    let kronecker = shape.widths.enumerated().map { index, sides in
      (
        block: "block\(index)",
        factors: KroneckerFactors(
          activations: .identity(sides.inputs), outputGradients: .identity(sides.outputs))
      )
    }
    let order = gradients.layout.columnCount
    let curvature = StoredCurvature(
      kronecker: kronecker, hessian: .identity(order), gaussNewton: .identity(order))
    let probabilities = LabelProbabilities(values: [Double](repeating: 0.5, count: shape.rows))
    return gradients.with(
      Companions(
        curvature: curvature, probabilities: probabilities,
        optimizer: ModelStores.optimizer(of: gradients.layout, seed: 5)))
  }

  /// The same rows, projected from both sides to 3 × 2, or to less where a block is smaller.
  private static func projected(
    _ store: GradientStore, of shape: Shape, to folder: URL
  ) throws -> GradientStore {
    let outputs = shape.widths.reduce(3) { min($0, $1.outputs) }
    let inputs = shape.widths.reduce(2) { min($0, $1.inputs) }
    let projection = GradientProjection(.kronecker(outputs: outputs, inputs: inputs), seed: 3)
    _ = try StoreProjection(of: store, by: projection, to: folder).run()
    return try GradientStore(opening: folder)
  }

  /// A method whose steps are known beforehand, where steps depend on the numbers.
  private func specification(_ method: String) -> String {
    Self.iterated.contains(method) ? "\(method):steps=2,tolerance=1e-14" : method
  }

  private static let iterated = [
    PreconditionedConjugateGradient.name, EKFACConjugateGradient.name,
  ]

  @Test(
    "Passes and bytes are those that are counted, operations within a tenth, on both sides",
    arguments: EstimatorCatalog.names, shapes)
  func metered(method: String, shape: Shape) throws {
    let estimator = try EstimatorCatalog.estimator(specification(method))
    let folder = try TemporaryDirectory()
    var training = try training(shape)
    // Fewer queries than directions keep every step of an iteration whole.
    let isIterated = Self.iterated.contains(method)
    var queries = store(shape, "queries", rows: isIterated ? 2 : 20, seed: 4)
    if estimator.inputs.contains(.projectionFromBothSides) {
      training = try Self.projected(training, of: shape, to: folder.file("train"))
      queries = try Self.projected(queries, of: shape, to: folder.file("query"))
    }
    for side in Side.allCases where estimator.works(on: side) {
      for certifies in [false, true] {
        let meter = RunMeter()
        let request: CostModel.Request = side == .score ? .score : .query
        let options = CurvatureOptions(
          costModel: CostModel(request: request), certifies: certifies, meter: meter)
        let shape = try RunShape(training: training, queryCount: queries.count)
        let plan = RunPlan(shape, estimators: [estimator], options: options)
        let curvature = try Curvature(fitting: [estimator], on: training, options: options)
        _ = try curvature.scores(of: queries)
        // Norms are read by the store itself, before any pass.
        let stages = plan.stages.filter { $0.name != .norms }
        let bytes = stages.reduce(0) { $0 + $1.storeBytes }
        let operations = stages.reduce(0) { $0 + $1.gradientOperations }
        let label = "\(method), \(side) side, certificate \(certifies)"
        #expect(Double(meter.work.bytes) == bytes, "\(label)")
        #expect(
          abs(Double(meter.work.operations) - operations) <= 0.1 * operations,
          "\(label): \(meter.work.operations) where \(operations) were planned")
      }
    }
  }

  @Test("Several methods together are planned as they are run")
  func together() throws {
    let training = try training(Self.shapes[2])
    let queries = store(Self.shapes[2], "queries", rows: 20, seed: 4)
    let estimators: [any Estimator] = [DataInf(), ExactFisher(), Cosine(), EKFAC(), Arnoldi()]
    let meter = RunMeter()
    let options = CurvatureOptions(meter: meter)
    let plan = RunPlan(
      try RunShape(training: training, queryCount: queries.count), estimators: estimators,
      options: options)
    _ = try Curvature(fitting: estimators, on: training, options: options).scores(of: queries)
    let bytes = plan.stages.filter { $0.name != .norms }.reduce(0) { $0 + $1.storeBytes }
    #expect(Double(meter.work.bytes) == bytes)
  }

  @Test("Sweeps and spectra are metered too")
  func sweepsAndSpectra() throws {
    let training = try training(Self.shapes[0])
    let queries = store(Self.shapes[0], "queries", rows: 20, seed: 4)
    let bytes = 4 * training.count * training.layout.columnCount
    let meter = RunMeter()
    _ = try BlockSpectrum.all(of: training, meter: meter)
    #expect(meter.work.bytes == bytes)
    let sweepMeter = RunMeter()
    _ = try DampingSweep(
      of: ExactFisher(), over: DampingGrid(parsing: "1e-2:1:3"), on: training, queries: queries,
      options: CurvatureOptions(meter: sweepMeter))
    #expect(sweepMeter.work.bytes == 2 * bytes)
  }
}
