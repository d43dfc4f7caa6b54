import Foundation
import InfluenceKit
import Testing

/// The committed gradients of a small adapter, with what a numpy program makes of them by plain
/// formulas in double precision (scripts/oracles/small_fixture.py).
struct SmallFixture: Sendable {
  let training: GradientStore
  let queries: GradientStore
  let expected: Expected
  let problem: Problem
  private let arrays: SafetensorsFile

  /// What stands in `expected.json` beside the arrays.
  struct Expected: Decodable, Sendable {
    struct Spectrum: Decodable, Sendable {
      let sMax: Double
      let conditionNumber: Double
      let stableRank: Double
      let effectiveDimension: Double
      let sigma: Double
    }

    let liveBlocks: [String]
    let lissaDepth: Int
    let lambda: [String: Double]
    let spectrum: [String: Spectrum]
    let tensors: [String: [Int]]
  }

  static let name = "small-lora"
  static let shared = Result { try SmallFixture() }

  private init() throws {
    let folder = try #require(Bundle.module.resourceURL).appending(path: "Fixtures/\(Self.name)")
    training = try GradientStore(opening: folder.appending(path: "train.safetensors"))
    queries = try GradientStore(opening: folder.appending(path: "query.safetensors"))
    arrays = try SafetensorsFile(opening: folder.appending(path: "expected.safetensors"))
    let decoder = JSONDecoder()
    // Block names are keys too, so keys are not converted from snake case as a whole.
    decoder.keyDecodingStrategy = .custom { path in
      let key = path[path.count - 1]
      return key.stringValue.contains("weight") || key.stringValue.contains(".")
        ? key : Key(key.stringValue)
    }
    expected = try decoder.decode(
      Expected.self, from: Data(contentsOf: folder.appending(path: "expected.json")))
    problem = try Problem(training: training, queries: queries)
  }

  /// A named array of `expected.safetensors`; a vector is one column.
  func array(_ name: String) throws -> Matrix<Double> {
    try arrays.matrix(name, as: Double.self)
  }

  /// A store in a precision: as it was opened, or in memory as doubles.
  func training(_ precision: CurvatureOptions.Precision) -> GradientStore {
    precision == .single ? training : problem.training(.double)
  }

  func queries(_ precision: CurvatureOptions.Precision) -> GradientStore {
    precision == .single ? queries : problem.queries(.double)
  }

  /// A key in camel case.
  private struct Key: CodingKey {
    let stringValue: String
    let intValue: Int? = nil

    init(_ snakeCase: String) {
      let words = snakeCase.split(separator: "_")
      stringValue = words.prefix(1).joined() + words.dropFirst().map(\.capitalized).joined()
    }

    init?(stringValue: String) { self.init(stringValue) }
    init?(intValue: Int) { nil }
  }
}

extension Problem {
  /// The blocks of two stores.
  init(training: GradientStore, queries: GradientStore) throws {
    let places = Dictionary(
      uniqueKeysWithValues: queries.layout.blocks.enumerated().map { ($1.name, $0) })
    blocks = try training.layout.blocks.enumerated().map { index, block in
      let place = try #require(places[block.name])
      return Block(
        name: block.name, shape: block.shape,
        gradients: Matrix(try training.rows(0..<training.count, of: index, as: Double.self)),
        queries: Matrix(try queries.rows(0..<queries.count, of: place, as: Double.self)))
    }
  }
}

extension Method {
  /// How the fixtures spell the method.
  var key: String { rawValue.replacing("-", with: "_") }
}
