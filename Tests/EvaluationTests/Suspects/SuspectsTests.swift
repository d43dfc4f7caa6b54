import Evaluation
import Foundation
import Gradients
import Influence
import LinearAlgebra
import Testing

/// Examples whose labels are to be looked at first.
@Suite("Suspects")
struct SuspectsTests {
  @Test("Examples are ordered by the geometric mean of their places")
  func order() throws {
    let suspects = try Suspects(of: [
      (.loss, [5, 4, 3, 2, 1]), (.gradientNorm, [1, 5, 4, 3, 2]), (.cosine, [4, 4, 4, 0, 9]),
    ])
    // Places: 1 2 3 4 5; 5 1 2 3 4; 3 3 3 5 1.
    let expected = [15.0, 6, 18, 60, 20].map { pow($0, 1.0 / 3) }
    for (found, expected) in zip(suspects.meanPlaces, expected) {
      #expect(abs(found - expected) < 1e-14)
    }
    #expect(suspects.order == [1, 0, 2, 4, 3])
    #expect(suspects.rankings[2].places == [3, 3, 3, 5, 1])
    // Of the three that share a value the lower rows come first.
    #expect(suspects.highCounts(amongFirst: 2) == [2, 2, 1, 0, 1])
    #expect(suspects.agreement(amongFirst: 2) == 0)
    #expect(suspects.agreement(amongFirst: 5) == 5)
  }

  @Test("How well all together and each find wrong labels is their area under the curve")
  func detection() throws {
    let suspects = try Suspects(of: [(.loss, [9, 1, 8, 2]), (.cosine, [9, 1, 2, 8])])
    let found = try suspects.detection(of: [0, 2])
    #expect(found.rankings.map(\.areaUnderROC) == [1, 0.75])
    // Places 1, 4, √6, √6 in the geometric mean: the second flip ties with a right label.
    #expect(found.together.areaUnderROC == 0.875)
  }

  @Test("Numbers that are not finite and lists of other lengths are refused")
  func refused() {
    #expect(throws: EvaluationError.self) { try Suspects(of: [(.loss, [1, .nan])]) }
    #expect(throws: EvaluationError.differentLengths(2, 3)) {
      try Suspects(of: [(.loss, [1, 2]), (.cosine, [1, 2, 3])])
    }
  }

  private func store(_ name: String, rows: Int, seed: UInt64) -> GradientStore {
    var generator = SeededGenerator(seed: seed)
    func matrix(_ columns: Int) -> Matrix<Double> {
      Matrix(
        rows: rows, columns: columns,
        elements: (0..<rows * columns).map { _ in generator.normal() })
    }
    return GradientStore(
      name: name,
      blocks: [
        ("body.weight", [8], matrix(8)), ("head.weight", [4], matrix(4)),
        ("head.bias", [1], matrix(1)),
      ])
  }

  @Test("Each ranking is what its definition says")
  func rankings() throws {
    let (training, queries) = (store("train", rows: 30, seed: 1), store("query", rows: 7, seed: 2))
    var settings = Suspects.Settings()
    settings.options.precision = .double
    let suspects = try Suspects(in: training, queries: queries, settings: settings)
    let values = Dictionary(
      uniqueKeysWithValues: suspects.rankings.map { ($0.ranking, $0.values) })
    #expect(
      Set(values.keys) == [
        .cosine, .exact, .dataInf, .selfInfluence, .gradientNorm, .isolationForest,
      ])
    #expect(Set(suspects.leftOut.map(\.ranking)) == [.loss, .neighbours, .queryNeighbours])
    let last = try training.squaredNorms().totals(ofBlocks: [1, 2]).map { $0.squareRoot() }
    #expect(values[.gradientNorm] == last)
    // Harm: each query's scores divided by their length, then the mean, the sign turned.
    for (ranking, estimator) in [
      (SuspectRanking.exact, ExactFisher() as any Estimator), (.dataInf, DataInf()),
      (.cosine, Cosine()),
    ] {
      let curvature = try Curvature(
        fitting: [estimator], on: training, options: CurvatureOptions(precision: .double))
      let scores = try curvature.scores(of: queries)[0].values
      let found = try #require(values[ranking])
      for column in 0..<30 {
        var mean = 0.0
        for row in 0..<7 {
          let length = scores[row: row].map { $0 * $0 }.reduce(0, +).squareRoot()
          mean += scores[row, column] / length / 7
        }
        // Exact is refined where it is certified, so that its last digits differ.
        #expect(abs(found[column] + mean) < 1e-9)
      }
      guard ranking == .exact else { continue }
      let own = try curvature.selfInfluence()[0].values
      for (found, expected) in zip(try #require(values[.selfInfluence]), own) {
        #expect(abs(found - expected) <= 1e-9 * abs(expected))
      }
    }
  }

  @Test("A ranking that was asked for by name and cannot be made is an error that says why")
  func missing() throws {
    let training = store("train", rows: 12, seed: 3)
    for (ranking, reason) in [
      (SuspectRanking.loss, "records no losses"), (.exact, "no queries"),
      (.neighbours, "no representations"),
    ] {
      var settings = Suspects.Settings()
      settings.rankings = [ranking]
      #expect {
        try Suspects(in: training, settings: settings)
      } throws: {
        "\($0)".contains(reason)
      }
    }
    let without = try Suspects(in: training)
    #expect(
      without.leftOut.map(\.ranking.rawValue).sorted() == [
        "cosine", "datainf", "exact", "loss", "neighbours", "query-neighbours",
      ])
  }

  @Test("Wrong labels of a store with losses and representations come first")
  func found() throws {
    // Two clusters; rows 3 and 17 lie in the other one, and their gradients point the other way.
    let wrong: Set = [3, 17]
    var generator = SeededGenerator(seed: 9)
    let labels = (0..<40).map { $0 % 2 }
    func side(_ row: Int) -> Double {
      let label = wrong.contains(row) ? 1 - labels[row] : labels[row]
      return label == 0 ? -1 : 1
    }
    let gradients = Matrix<Double>(
      rows: 40, columns: 3,
      elements: (0..<40).flatMap { row -> [Double] in
        let size = wrong.contains(row) ? -3.0 : 1
        return [size, size, 0].map { $0 + 0.1 * generator.normal() }
      })
    let features = Matrix<Double>(
      rows: 40, columns: 2,
      elements: (0..<40).flatMap { [side($0), 1 + 0.1 * generator.normal()] })
    let training = GradientStore(name: "train", blocks: [("head", [3], gradients)]).with(
      Companions(representations: try Representations(features: features, labels: labels)))
    let queries = GradientStore(
      name: "query",
      blocks: [("head", [3], Matrix<Double>(rows: 2, columns: 3, elements: [1, 1, 0, 1, 0.9, 0]))])
    var settings = Suspects.Settings()
    settings.neighbours = 5
    let suspects = try Suspects(in: training, queries: queries, settings: settings)
    #expect(Set(suspects.order.prefix(2)) == wrong)
    let neighbours = try #require(suspects.neighbours)
    for row in wrong { #expect(neighbours.suggested[row] == 1 - labels[row]) }
    #expect(try suspects.detection(of: wrong).together.areaUnderROC == 1)
  }

  @Test("Neighbours that cannot be had do not stop rankings that do without them")
  func withoutDirection() throws {
    let features = Matrix<Double>(
      rows: 12, columns: 1, elements: [0] + Array(repeating: 1, count: 11))
    let training = store("train", rows: 12, seed: 4).with(
      Companions(
        representations: try Representations(features: features, labels: (0..<12).map { $0 % 2 })))
    var settings = Suspects.Settings()
    settings.rankings = [.gradientNorm]
    let found = try Suspects(in: training, settings: settings)
    #expect(found.neighbours == nil && found.rankings.count == 1)
    let all = try Suspects(in: training)
    #expect(all.leftOut.contains { $0.ranking == .neighbours && $0.reason.contains("row 0") })
  }
}
