import Foundation
import InfluenceKit
import OrderedCollections
import Testing

/// The experiment that holds methods against training a language model anew, on a model of random weights.
@Suite("Experiment truth-language")
struct TextTruthTests {
  private let place: Workplace

  init() throws {
    place = try Workplace()
    try TinyModels.writeBERT(to: "bert", in: place)
    try place.write(try TinyModels.reviews(52, seed: 1), to: "train.jsonl")
    try place.write(try TinyModels.reviews(30, seed: 2), to: "query.jsonl")
    try place.write(
      """
      experiment: truth-language
      seeds: 2
      methods: [hessian-free, exact, ekfac-cg]
      dampings: [1, 0.01]
      lds: {subsets: 8, seeds: 2}
      removals: [0.3, 0.1]
      random-draws: 2
      rank: 2
      data: {set: file, training-file: train.jsonl, held-out-file: query.jsonl, text: sentence, training: 26, validation: 8, test: 7, flip: 0, max-length: 16}
      model: {folder: bert, epochs: 4, learning-rate: 3e-2}
      """, to: "e.yaml")
  }

  private func run(_ overrides: String..., into folder: String = "run") throws -> OrderedJSON {
    try place.succeed(
      ["experiment", "run", "e.yaml", "--output", folder, "--quiet", "--quick"]
        + overrides.flatMap { ["--set", $0] })
    return try OrderedJSON(contentsOf: place.file("\(folder)/results.json"))
  }

  private func matrix(_ name: String, of seed: Int) throws -> Matrix<Double> {
    try NumpyFile(opening: place.file("run/scores/seed-\(seed)/\(name).npy")).matrix(
      as: Double.self)
  }

  @Test(
    "LDS is Spearman's correlation of sums of scores with what was measured, at each λ and by halves"
  )
  func scores() throws {
    let results = try run()
    for seed in 0..<2 {
      let cell = try #require(results["cells"]?["seed-\(seed)"])
      let methods = try #require(cell["methods"]?.object)
      #expect(
        methods.keys.elements == ["hessian-free", "exact", "ekfac-cg", "similarity", "random"])
      let (scores, subsets, outcomes) = (
        try matrix("scores", of: seed), try matrix("subsets", of: seed),
        try matrix("outcomes", of: seed)
      )
      // Hessian-free once, two methods at two λ, similarity and random scores; eight queries each.
      #expect((scores.rows, scores.columns) == (7 * 8, 26))
      #expect((subsets.rows, outcomes.rows) == (8, 2 * 8))
      /// The mean over queries, of the scores that stand at a place, over some subsets.
      func lds(_ place: Int, over chosen: [Int]) throws -> Double {
        var known: [Double] = []
        for query in 0..<8 {
          let sums = chosen.map { subset in
            zip(subsets[row: subset], scores[row: place * 8 + query]).reduce(0) {
              $0 + $1.0 * $1.1
            }
          }
          let truth = chosen.map { (outcomes[query, $0] + outcomes[8 + query, $0]) / 2 }
          known.append(try Correlation.spearman(sums, truth))
        }
        return known.reduce(0, +) / 8
      }
      let all = Array(0..<8)
      let halves = [[0, 2, 4, 6], [1, 3, 5, 7]]
      for (name, places) in [
        ("hessian-free", [0]), ("exact", [1, 2]), ("ekfac-cg", [3, 4]), ("similarity", [5]),
        ("random", [6]),
      ] {
        let method = try #require(methods[name])
        let dampings = try #require(method["dampings"]?.array)
        #expect(dampings.count == places.count)
        for (place, damping) in zip(places, dampings) {
          let kept = try #require(damping["loss"]?.number)
          #expect(abs(try lds(place, over: all) - kept) < 1e-12, "\(name)")
        }
        let chosen = try (0..<2).map { half in
          let other = try places.map { try lds($0, over: halves[1 - half]) }
          let best = try #require(other.firstIndex(of: other.max() ?? 0))
          return try lds(places[best], over: halves[half])
        }
        #expect(
          abs(try #require(method["chosen"]?.number) - (chosen[0] + chosen[1]) / 2) < 1e-12,
          "\(name)")
        #expect(method["rises"]?.array?.count == 2)
      }
      // Conjugate gradients end where the exact inverse is, so that they foretell the same.
      for place in 0..<2 {
        let pair = ["exact", "ekfac-cg"].map {
          methods[$0]?["dampings"]?.array?[place]["loss"]?.number ?? .nan
        }
        #expect(abs(pair[0] - pair[1]) < 0.05)
      }
      #expect(cell["random_rises"]?.array?.count == 2)
      #expect((-1...1).contains(try #require(cell["retraining"]?.number)))
    }
    let table = try String(contentsOf: place.file("run/tables/differences.csv"), encoding: .utf8)
    // ekfac-cg over three others by LDS and by two removals, below the line of names.
    #expect(table.split(whereSeparator: \.isNewline).count == 1 + 3 * 3)
    #expect(place.has("run/pictures/lds.svg") && place.has("run/pictures/removal.svg"))
  }

  @Test("A run that is resumed has the results of one that was not stopped")
  func resumed() throws {
    let whole = try run("methods=[exact]", into: "whole")
    for more in [["--seeds", "1"], ["--resume"]] {
      try place.succeed(
        [
          "experiment", "run", "e.yaml", "--output", "part", "--quiet", "--quick", "--set",
          "methods=[exact]",
        ] + more)
    }
    #expect(try OrderedJSON(contentsOf: place.file("part/results.json")) == whole)
  }

  @Test(
    "What cannot be done is refused before any work",
    arguments: [
      ("methods=[exact-ggn]", "second derivatives"), ("methods=[trak]", "needs more"),
      ("dampings=[1, 1]", "given twice"), ("removals=[0.1, 0.1]", "given twice"),
      ("removals=[1]", "removals"), ("lds.subsets=5", "lds.subsets"),
      ("lds.seeds=1", "lds.seeds"), ("rank=0", "rank"), ("data.validation=24", "ask for fewer"),
    ])
  func refused(override: String, part: String) throws {
    let outcome = try place.run(
      ["experiment", "run", "e.yaml", "--output", "run", "--quiet", "--quick", "--set", override])
    #expect(outcome.status != 0)
    #expect(outcome.errors.contains(part), "\(outcome.errors)")
    #expect(!place.has("run"))
  }
}
