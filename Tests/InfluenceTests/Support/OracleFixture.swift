import Foundation
import InfluenceKit
import Testing

/// A small network's gradients and curvature, and the scores that programs outside of the engine make of
/// them (scripts/oracles: perceptron.py, estimators.py, libraries.py).
struct OracleFixture: Sendable {
  /// The four parameter tensors as blocks, in the order of the curvature's columns.
  let problem: Problem
  let curvature: StoredCurvature
  /// What an optimizer knew after some steps on the training gradients.
  let optimizer: OptimizerMoments
  let facts: Facts
  let libraries: Libraries
  private let expected: SafetensorsFile
  private let found: SafetensorsFile
  private let memberFile: SafetensorsFile

  /// What stands in `expected.json`.
  struct Facts: Decodable, Sendable {
    let parameters: [String]
    let shapes: [String: [Int]]
    let labels: [Int]
    let queryLabels: [Int]
    let lambda: [String: [Double]]
    let landmarks: [Int]
    let optimizer: Optimizer
    let group: [Int]
    let checkpointWeights: [Double]
    let segmentTimes: [Double]
    let trakRidge: Double
    let reach: [String: Double]
    let tensors: [String: [Int]]
  }

  /// The numbers of the optimizer's rule.
  struct Optimizer: Decodable, Sendable {
    let step: Int
    let beta1, beta2, epsilon: Double
  }

  /// What stands in `libraries.json`.
  struct Libraries: Decodable, Sendable {
    let damping: Double
    let lissaDepth: Int
    let sigma: Double
    let departures: [String: String]
    let tensors: [String: [Int]]
  }

  /// The file of the queries' gradients.
  static var queriesPath: String {
    Bundle.module.resourceURL?.appending(path: "Fixtures/estimators/query.safetensors").path ?? ""
  }

  static let shared = Result { try OracleFixture() }

  private init() throws {
    let folder = try #require(Bundle.module.resourceURL).appending(path: "Fixtures/estimators")
    func file(_ name: String) throws -> SafetensorsFile {
      try SafetensorsFile(opening: folder.appending(path: "\(name).safetensors"))
    }
    // Dictionaries' keys are names; they must not be turned into camel case.
    func decode<Value: Decodable>(_: Value.Type, _ name: String) throws -> Value {
      let decoder = JSONDecoder()
      decoder.keyDecodingStrategy = .custom { path in
        path.count > 1 ? path[path.count - 1] : Key(camelCasing: path[0].stringValue)
      }
      return try decoder.decode(
        Value.self, from: Data(contentsOf: folder.appending(path: "\(name).json")))
    }
    facts = try decode(Facts.self, "expected")
    libraries = try decode(Libraries.self, "libraries")
    expected = try file("expected")
    found = try file("libraries")
    memberFile = try file("members")
    curvature = try StoredCurvature(opening: folder.appending(path: "curvature.safetensors"))
    let (facts, training, queries) = (facts, try file("train"), try file("query"))
    let (first, second) = (
      try expected.matrix("optimizer.first", as: Double.self).elements,
      try expected.matrix("optimizer.second", as: Double.self).elements
    )
    let layout = BlockLayout(try facts.parameters.map { ($0, try #require(facts.shapes[$0])) })
    optimizer = OptimizerMoments(
      rule: .init(
        stepCount: facts.optimizer.step, firstDecay: facts.optimizer.beta1,
        secondDecay: facts.optimizer.beta2, epsilon: facts.optimizer.epsilon),
      moments: layout.blocks.map {
        ($0.name, .init(first: Array(first[$0.columns]), second: Array(second[$0.columns])))
      })
    problem = Problem(
      blocks: try facts.parameters.map { name in
        Problem.Block(
          name: name, shape: try #require(facts.shapes[name]), gradients: try training.matrix(name),
          queries: try queries.matrix(name))
      })
  }

  /// An array of the plain formulas; a vector is one column.
  func array(_ name: String) throws -> Matrix<Double> { try expected.matrix(name) }
  /// An array of a library.
  func library(_ name: String) throws -> Matrix<Double> { try found.matrix(name) }

  /// The names of all arrays that some formula or library has made.
  var names: (formulas: Set<String>, libraries: Set<String>) {
    (Set(facts.tensors.keys), Set(libraries.tensors.keys))
  }

  /// How far rounding can move a result, by its key: n + D operations on each number, times the reach.
  func tolerance(_ key: String) throws -> Double {
    let operations = Double(problem.exampleCount + problem.width)
    return 4 * operations * Double.ulpOfOne * (try #require(facts.reach[key]))
  }

  /// One member of the ensemble under dropout.
  func member(_ number: Int) throws -> Problem {
    Problem(
      blocks: try problem.blocks.map { block in
        Problem.Block(
          name: block.name, shape: block.shape,
          gradients: try memberFile.matrix("\(number).train.\(block.name)"),
          queries: try memberFile.matrix("\(number).query.\(block.name)"))
      })
  }

  /// Gradients that were projected from both sides.
  func projected(_ names: [String]) throws -> Problem {
    Problem(
      blocks: try names.map { name in
        let shape = try #require(facts.tensors["logra.train.\(name)"])
        return Problem.Block(
          name: name, shape: Array(shape.dropFirst()),
          gradients: try array("logra.train.\(name)"), queries: try array("logra.query.\(name)"))
      })
  }

  /// The two weights, as if biases were constants.
  var weights: Problem {
    Problem(blocks: problem.blocks.filter { $0.name.hasSuffix("weight") })
  }

  /// Weight and bias of each layer as one linear map whose last input is 1.
  var joined: Problem {
    let parts = [(problem.blocks[0], problem.blocks[1]), (problem.blocks[2], problem.blocks[3])]
    return Problem(
      blocks: parts.map { weight, bias in
        let (outputs, inputs) = (weight.shape[0], weight.shape[1])
        func join(_ values: KeyPath<Problem.Block, Matrix<Double>>) -> Matrix<Double> {
          let (left, right) = (weight[keyPath: values], bias[keyPath: values])
          var result = Matrix<Double>.zeros(left.rows, outputs * (inputs + 1))
          for row in 0..<left.rows {
            for output in 0..<outputs {
              for input in 0..<inputs {
                result[row, output * (inputs + 1) + input] = left[row, output * inputs + input]
              }
              result[row, output * (inputs + 1) + inputs] = right[row, output]
            }
          }
          return result
        }
        return Problem.Block(
          name: BlockPartition.layer(of: weight.name), shape: [outputs, inputs + 1],
          gradients: join(\.gradients), queries: join(\.queries))
      })
  }

  /// An estimator fitted to a problem with the fixture's curvature beside it, in double precision.
  func curvature(
    of problem: Problem, _ estimator: any Estimator, by partition: BlockPartition = .tensor,
    on side: Side
  ) throws -> Curvature {
    try Curvature(
      fitting: [estimator],
      on: problem.training(.double).with(curvature: curvature).with(optimizer: optimizer)
        .partitioned(by: partition),
      options: Setup(precision: .double, side: side).options(
        damping: problem.damping, certifies: false))
  }

  /// Its scores and self-influence.
  func results(
    of problem: Problem, _ estimator: any Estimator, by partition: BlockPartition = .tensor,
    on side: Side
  ) throws -> (scores: Matrix<Double>, own: [Double]) {
    let fitted = try curvature(of: problem, estimator, by: partition, on: side)
    let queries = try problem.queries(.double).partitioned(by: partition)
    return (
      try #require(try fitted.scores(of: queries).first).values,
      try #require(try fitted.selfInfluence().first).values
    )
  }

  private struct Key: CodingKey {
    let stringValue: String
    let intValue: Int? = nil

    init(camelCasing name: String) {
      let words = name.split(separator: "_")
      stringValue = words.prefix(1).joined() + words.dropFirst().map(\.capitalized).joined()
    }
    init?(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { nil }
  }
}

extension Problem {
  /// The number of all columns.
  var width: Int { blocks.reduce(0) { $0 + $1.gradients.columns } }

  /// The same with another damping.
  func damped(_ damping: Damping) -> Problem { Problem(blocks: blocks, damping: damping) }
}
