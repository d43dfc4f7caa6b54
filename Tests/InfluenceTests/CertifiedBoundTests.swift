import Foundation
import InfluenceKit
import TestSupport
import Testing

#if arch(x86_64)
  /// Bounds are held against scores in 64-bit significands, on problems that try to break them.
  @Suite("Certified bounds hold")
  struct CertifiedBoundTests {
    /// A random problem: shapes from 1 to 400, spectra over up to twelve decades, common means, repeated rows.
    struct RandomProblem {
      let gradients: Matrix<Float>
      let queries: Matrix<Float>
      let damping: Damping
      let side: CostModel.Request
      let precision: CurvatureOptions.Precision
      let aggregation: Aggregation

      init(seed: Int, largest: Double = 400, decadesOfScale: Double = 8) {
        var generator = SeededGenerator(seed: UInt64(seed), stream: 77)
        func size() -> Int { Int(pow(largest, generator.uniform())) }
        let (n, d, m) = (size(), size(), 1 + generator.index(below: 3))
        let decades = 6 * generator.uniform()
        let scale = pow(10, decadesOfScale * (generator.uniform() - 0.5))
        let mean = generator.uniform() < 0.3 ? 30.0 : 0
        let repeats = generator.uniform() < 0.2
        let common = (0..<d).map { _ in mean * generator.normal() }
        func rows(_ count: Int) -> Matrix<Float> {
          var made: [Float] = []
          for row in 0..<count {
            if repeats, row > 0, row.isMultiple(of: 3) {
              made += made[(row - 1) * d..<row * d]
              continue
            }
            for column in 0..<d {
              let weight = pow(10, -decades * Double(column) / Double(max(1, d - 1)))
              made.append(Float(scale * weight * (generator.normal() + common[column])))
            }
          }
          return Matrix(rows: count, columns: d, elements: made)
        }
        gradients = rows(n)
        queries = rows(m)
        let dampings: [Damping] = [
          .standard, .standard, .relative(1e-3), .relative(1e-5), .relative(1e-7), .relative(10),
        ]
        damping = dampings[generator.index(below: dampings.count)]
        side = [.automatic, .score, .query][generator.index(below: 3)]
        precision = generator.uniform() < 0.7 ? .single : .double
        aggregation = generator.uniform() < 0.2 ? .mean : .none
      }

      static func store(_ name: String, _ rows: Matrix<Float>) -> GradientStore {
        GradientStore(name: name, blocks: [("a", [rows.columns], rows)])
      }
    }

    /// What was found of one method on one problem.
    private struct Finding {
      /// The largest bound of each query, its largest score, and the largest true error as written.
      var rows: [(bound: Double, largest: Double, error: Double)] = []

      func isCertified(to share: Double) -> Bool {
        rows.allSatisfy { $0.bound <= share * $0.largest }
      }

      /// How much larger the bound is than the error of the numbers that are written.
      var looseness: [Double] {
        rows.filter { $0.error > 0 }.map { ($0.bound + 0x1p-24 * $0.largest) / $0.error }
      }
    }

    /// Every score lies within its bound.
    private func check(
      _ scores: Scores, _ truth: [[Float80]], _ label: String
    ) throws -> Finding {
      let certificate = try #require(scores.certificate)
      var finding = Finding()
      for (query, row) in truth.enumerated() {
        var found = (bound: 0.0, largest: 0.0, error: 0.0)
        for (example, exact) in row.enumerated() {
          let bound = certificate.errorBound(query: query, example: example)
          let value = scores.values[query, example]
          let error = Double((Float80(value) - exact).magnitude)
          #expect(
            error <= bound, "\(label), query \(query), example \(example): \(value), \(exact)")
          found.bound = max(found.bound, bound)
          found.largest = max(found.largest, abs(value))
          found.error = max(found.error, Double((Float80(Float(value)) - exact).magnitude))
        }
        finding.rows.append(found)
      }
      return finding
    }

    static let methods = [
      "exact", "cg", "lissa", "pcg", "datainf", "hessian-free", "block-normalized",
      "nystrom:landmarks=3",
      "arnoldi:rank=3", "lorif:rank=3", "diagonal", "lissa:depth=20", "cg:steps=4,tolerance=0",
    ]

    @Test("Of random problems", arguments: 0..<50)
    func random(group: Int) throws {
      for seed in group * 10..<group * 10 + 10 {
        let problem = RandomProblem(seed: seed)
        let training = RandomProblem.store("training", problem.gradients)
        let queries = RandomProblem.store("queries", problem.queries)
        let probe = try Curvature(
          fitting: [HessianFree()], on: training,
          options: CurvatureOptions(damping: problem.damping))
        guard let lambda = probe.contexts.first?.damping else { continue }
        var vectors = Matrix<Double>(converting: problem.queries)
        if problem.aggregation == .mean { vectors = vectors.meanRow() }
        let truth = LongDouble.exactScores(
          gradients: Matrix<Double>(converting: problem.gradients), queries: vectors,
          lambda: lambda)
        for specification in Self.methods {
          let estimator = try EstimatorCatalog.estimator(specification)
          let asked = problem.side
          let isPossible =
            asked == .automatic || estimator.works(on: asked == .score ? .score : .query)
          let options = CurvatureOptions(
            damping: problem.damping,
            costModel: CostModel(request: isPossible ? asked : .automatic),
            precision: problem.precision)
          let found: [Scores]
          do {
            let curvature = try Curvature(fitting: [estimator], on: training, options: options)
            found = try curvature.scores(of: queries, aggregation: problem.aggregation)
          } catch InfluenceError.outOfRange where problem.precision == .single {
            // Said instead of scored: products leave the range of single precision.
            continue
          }
          let scores = try #require(found.first)
          let label =
            "seed \(seed), \(specification), \(problem.gradients.rows) × \(problem.gradients.columns), \(problem.damping), \(problem.side), \(problem.precision)"
          let worst = try check(scores, truth, label)
          if specification == "exact" {
            let isNear = worst.isCertified(to: 1e-5)
            #expect(isNear || scores.warnings.contains { $0.contains("not certain") }, "\(label)")
          }
        }
      }
    }
  }

  extension CertifiedBoundTests {
    @Test(
      "Are near the error where the condition is moderate", arguments: ["exact", "cg", "lissa"])
    func tightness(method: String) throws {
      var looseness: [Double] = []
      for seed in 0..<120 {
        let problem = RandomProblem(seed: seed, largest: 120)
        let training = RandomProblem.store("training", problem.gradients)
        let curvature = try Curvature(
          fitting: [try EstimatorCatalog.estimator(method)], on: training,
          options: CurvatureOptions(damping: problem.damping, precision: problem.precision))
        guard let context = curvature.contexts.first, let lambda = context.damping,
          context.trace / lambda < 1e6
        else { continue }
        let scores = try curvature.scores(of: RandomProblem.store("queries", problem.queries))[0]
        let truth = LongDouble.exactScores(
          gradients: Matrix<Double>(converting: problem.gradients),
          queries: Matrix<Double>(converting: problem.queries), lambda: lambda)
        looseness += try check(scores, truth, "seed \(seed), \(method)").looseness
      }
      #expect(looseness.count > 50)
      #expect(try #require(Statistics.median(looseness)) < 100)
    }

    @Test("Of methods with Kronecker factors, however far from exact these are", arguments: 0..<100)
    func factored(seed: Int) throws {
      let problem = RandomProblem(seed: 2000 + seed, largest: 120, decadesOfScale: 4)
      var generator = SeededGenerator(seed: UInt64(seed), stream: 78)
      let rows = Matrix<Double>(converting: problem.gradients)
      let (n, d) = (rows.rows, rows.columns)
      // Gradients are maps of p inputs to q outputs; factors are partial traces of F, exact where q is 1.
      let outputs = try #require(
        (1...4).filter { d.isMultiple(of: $0) }.randomElement(using: &generator))
      let inputs = d / outputs
      var (activations, gradients) = (
        Matrix<Double>.zeros(inputs, inputs), Matrix<Double>.zeros(outputs, outputs)
      )
      for row in 0..<n {
        for o in 0..<outputs {
          for p in 0..<outputs {
            for i in 0..<inputs {
              gradients[o, p] += rows[row, o * inputs + i] * rows[row, p * inputs + i] / Double(n)
            }
          }
          for i in 0..<inputs {
            for j in 0..<inputs {
              activations[i, j] += rows[row, o * inputs + i] * rows[row, o * inputs + j] / Double(n)
            }
          }
        }
      }
      let trace = (0..<inputs).reduce(0) { $0 + activations[$1, $1] }
      guard trace > 0 else { return }
      gradients.scale(by: 1 / trace)
      func store(_ name: String, _ rows: Matrix<Float>) -> GradientStore {
        GradientStore(name: name, blocks: [("a", [outputs, inputs], rows)])
      }
      let factors = KroneckerFactors(activations: activations, outputGradients: gradients)
      let training = store("training", problem.gradients).with(
        curvature: StoredCurvature(kronecker: [(block: "a", factors: factors)]))
      let queries = store("queries", problem.queries)
      for method in ["kfac", "ekfac"] {
        let curvature = try Curvature(
          fitting: [try EstimatorCatalog.estimator(method)], on: training,
          options: CurvatureOptions(damping: problem.damping, precision: problem.precision))
        guard let lambda = curvature.contexts.first?.damping else { return }
        let scores = try curvature.scores(of: queries)[0]
        let truth = LongDouble.exactScores(
          gradients: rows, queries: Matrix<Double>(converting: problem.queries), lambda: lambda)
        let label = "seed \(seed), \(method), \(n) × \(outputs)·\(inputs), \(problem.damping)"
        _ = try check(scores, truth, label)
      }
    }

    @Test("From kept fits, on stores of all types", arguments: ElementType.allCases, 0..<6)
    func stored(type: ElementType, seed: Int) throws {
      let problem = RandomProblem(seed: 1000 + seed, largest: 60, decadesOfScale: 4)
      let folder = try TemporaryDirectory()
      func store(_ name: String, _ rows: Matrix<Float>) throws -> GradientStore {
        let writer = try GradientStoreWriter(
          creating: folder.file(name), layout: BlockLayout([("a", [rows.columns])]),
          elementType: type)
        try writer.append([rows])
        try writer.finish()
        return try GradientStore(opening: folder.file(name))
      }
      let training = try store("train", problem.gradients)
      let queries = try store("query", problem.queries)
      let specifications = ["exact", "cg", "lissa", "datainf", "block-normalized"]
      let options = CurvatureOptions(damping: problem.damping, precision: problem.precision)
      try FitWriter(
        of: try specifications.map { try EstimatorCatalog.estimator($0) }, on: training,
        to: folder.file("fit"), options: options
      ).run()
      let curvature = try Curvature(opening: folder.file("fit"), on: training)
      guard let lambda = curvature.contexts.first?.damping else { return }
      let truth = LongDouble.exactScores(
        gradients: Matrix(try training.rows(0..<training.count, of: 0, as: Double.self)),
        queries: Matrix(try queries.rows(0..<queries.count, of: 0, as: Double.self)),
        lambda: lambda)
      for scores in try curvature.scores(of: queries) {
        _ = try check(scores, truth, "\(type), seed \(seed), \(scores.method)")
      }
    }

    @Test(
      "Of fifty problems solved in 200-bit arithmetic by scripts/oracles/bounds.py",
      arguments: 0..<50)
    func oracle(problem: Int) throws {
      let file = try SafetensorsFile(
        opening: #require(Bundle.module.resourceURL).appending(
          path: "Fixtures/bounds/problems.safetensors"))
      let gradients = try file.matrix("\(problem).gradients", as: Float.self)
      let queries = try file.matrix("\(problem).queries", as: Float.self)
      let truth = try file.matrix("\(problem).scores", as: Double.self)
      let factor = try file.matrix("\(problem).factor_and_damping", as: Double.self).elements[0]
      for precision in CurvatureOptions.Precision.allCases {
        for side in [CostModel.Request.score, .query] {
          for specification in ["exact", "cg", "lissa", "datainf", "block-normalized"] {
            let estimator = try EstimatorCatalog.estimator(specification)
            let options = CurvatureOptions(
              damping: .relative(factor), costModel: CostModel(request: side), precision: precision)
            let curvature = try Curvature(
              fitting: [estimator], on: RandomProblem.store("training", gradients),
              options: options)
            let folder = try TemporaryDirectory()
            let summary = try curvature.score(
              RandomProblem.store("queries", queries), into: .array(at: folder.file("scores.npy")))
            let written = try NumpyFile(opening: folder.file("scores.npy")).matrix(as: Float.self)
            for query in 0..<truth.rows {
              let bound = try #require(summary.bounds.dropFirst(query).first)
              for example in 0..<truth.columns {
                let error = abs(Double(written[query, example]) - truth[query, example])
                #expect(
                  error <= bound,
                  "\(specification), \(precision), \(side): (\(query), \(example))")
              }
            }
          }
        }
      }
    }
  }
#endif
