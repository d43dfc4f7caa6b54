import Evaluation
import Foundation
import Gradients
import Influence
import LinearAlgebra
import TestSupport
import Testing

@Suite("Outlying gradients")
struct OutlierTests {
  /// Normal examples in two blocks, the last of which lies far away.
  private func sample(_ count: Int = 300, distance: Double = 8, shift: Double = 0) -> GradientStore
  {
    var generator = SeededGenerator(seed: 5)
    var first = Matrix<Double>.normal(count, 6, using: &generator).inSingles
    var second = Matrix<Double>.normal(count, 3, using: &generator).inSingles
    for column in 0..<6 { first[count - 1, column] = distance }
    for column in 0..<3 { second[count - 1, column] = -distance + shift }
    return store(first, second)
  }

  private func store(_ first: Matrix<Double>, _ second: Matrix<Double>) -> GradientStore {
    GradientStore(
      name: "gradients",
      blocks: [
        ("a.weight", [first.columns], Matrix<Float>(converting: first)),
        ("b.weight", [second.columns], Matrix<Float>(converting: second)),
      ])
  }

  @Test("Average path lengths are those of the harmonic numbers")
  func pathLengths() {
    #expect(IsolationForest.averagePathLength(0) == 0)
    #expect(IsolationForest.averagePathLength(1) == 0)
    #expect(IsolationForest.averagePathLength(2) == 1)
    // 2·(1 + ½) − 2·2/3
    expectClose(IsolationForest.averagePathLength(3), 3 - 4.0 / 3, bound: .relative(1e-15))
    // 2·(1 + ½ + … + 1/255) − 2·255/256
    var harmonic = 0.0
    for term in 1..<256 { harmonic += 1 / Double(term) }
    expectClose(
      IsolationForest.averagePathLength(256), 2 * harmonic - 2 * 255 / 256,
      bound: .relative(1e-13))
  }

  @Test("Identical examples score one half, to rounding of the mean over trees")
  func identical() throws {
    let rows = Matrix<Double>(repeating: 0.25, rows: 40, columns: 7)
    let scores = try store(rows, rows).outlierScores(by: .isolationForest(.init(sample: 16)))
    // The mean of 100 equal lengths.
    expectClose(
      scores, [Double](repeating: 0.5, count: 40), bound: .backward(order: 100))
  }

  @Test("A far example scores above 0.6 and above all others")
  func far() throws {
    let scores = try sample().outlierScores(by: .isolationForest(.init()))
    #expect(scores[299] > 0.6)
    #expect(scores.dropLast().allSatisfy { $0 < scores[299] })
    #expect(scores.allSatisfy { $0 > 0 && $0 < 1 })
    // Most of a normal cloud is nothing special.
    #expect(scores.sorted()[150] < 0.5)
  }

  @Test("Scores are the walks of the definition over the trees as they were grown")
  func walks() throws {
    let store = sample(120)
    let forest = try IsolationForest(
      growingOn: store, settings: .init(trees: 25, sample: 64, seed: 3))
    let scores = try forest.scores(of: store)
    let blocks = try (0..<2).map {
      Matrix(try store.rows(0..<120, of: $0, as: Double.self))
    }
    /// h(x) by recursion, the ends' sizes counted anew from the examples of the tree.
    func length(_ tree: IsolationTree, _ node: Int, _ row: Int) -> Double {
      let here = tree.nodes[node]
      if here.block < 0 { return here.value }
      let value = blocks[Int(here.block)][row, here.column]
      return 1 + length(tree, Int(value < here.value ? here.left : here.right), row)
    }
    for row in 0..<120 {
      let mean = forest.trees.reduce(0) { $0 + length($1, 0, row) } / 25
      expectClose(
        scores[row], pow(2, -mean / IsolationForest.averagePathLength(64)),
        bound: .relative(1e-13))
    }
  }

  @Test("Trees part their samples, to a depth of log₂ψ, and count what ends together")
  func trees() throws {
    let store = sample(200)
    let columns = ColumnPicker(store: store, blocks: [0, 1])
    var generator = SeededGenerator(seed: 9)
    let rows = generator.sample(64, of: 200)
    #expect(Set(rows).count == 64 && rows.allSatisfy { (0..<200).contains($0) })
    let tree = try IsolationTree(growingOn: rows, columns: columns, using: &generator)
    let blocks = try (0..<2).map { Matrix(try store.rows(0..<200, of: $0, as: Double.self)) }
    func check(_ node: Int, _ members: [Int], _ depth: Int) {
      let here = tree.nodes[node]
      #expect(depth <= 6 && !members.isEmpty)
      guard here.block >= 0 else {
        #expect(here.value == IsolationForest.averagePathLength(members.count))
        #expect(members.count == 1 || depth == 6)
        return
      }
      let isLeft = members.map { blocks[Int(here.block)][$0, here.column] < here.value }
      check(Int(here.left), zip(members, isLeft).filter(\.1).map(\.0), depth + 1)
      check(Int(here.right), zip(members, isLeft).filter { !$0.1 }.map(\.0), depth + 1)
    }
    check(0, rows, 0)
  }

  @Test("Columns on which examples differ are found among thousands on which they do not")
  func sparse() throws {
    var rows = Matrix<Double>.zeros(20, 9000)
    for row in 0..<20 { rows[row, 8123] = Double(row) }
    rows[19, 8123] = 1000
    let store = GradientStore(
      blocks: [("w", [9000], Matrix<Float>(converting: rows))])
    let scores = try store.outlierScores(by: .isolationForest(.init(trees: 30)))
    #expect(scores.indices.max { scores[$0] < scores[$1] } == 19)
    let columns = ColumnPicker(store: store, blocks: [0])
    var generator = SeededGenerator(seed: 1)
    for _ in 0..<50 {
      let split = try #require(try columns.split(of: [3, 7], using: &generator))
      #expect(split.column == 8123 && split.left == [3] && split.right == [7])
      #expect(split.threshold > 3 && split.threshold <= 7)
    }
  }

  @Test(
    "The same bits on any number of threads; a seed decides them; rows score the same elsewhere")
  func determinism() throws {
    let store = sample()
    let settings = IsolationForestSettings(trees: 20, sample: 64, seed: 4)
    let before = Parallelism.threads
    defer { Parallelism.threads = before }
    Parallelism.threads = 1
    let one = try store.outlierScores(by: .isolationForest(settings))
    Parallelism.threads = 4
    #expect(try store.outlierScores(by: .isolationForest(settings)) == one)
    let other = IsolationForestSettings(trees: 20, sample: 64, seed: 5)
    #expect(try store.outlierScores(by: .isolationForest(other)) != one)
    // A forest that is grown scores rows by their numbers alone.
    let forest = try IsolationForest(growingOn: store, settings: settings)
    #expect(try forest.scores(of: store[rows: 100..<200]) == Array(one[100..<200]))
  }

  @Test("Norms are sums of magnitudes and of squares, of the chosen blocks")
  func norms() throws {
    let store = sample(50)
    let blocks = try (0..<2).map { Matrix(try store.rows(0..<50, of: $0, as: Double.self)) }
    for chosen in [[0], [1], [0, 1]] {
      let l1 = try store.outlierScores(by: .l1, blocks: chosen)
      let l2 = try store.outlierScores(by: .l2, blocks: chosen)
      for row in 0..<50 {
        let numbers = chosen.flatMap { Array(blocks[$0][row: row]) }
        expectClose(l1[row], numbers.reduce(0) { $0 + abs($1) }, bound: .relative(1e-14))
        expectClose(
          l2[row], numbers.reduce(0) { $0 + $1 * $1 }.squareRoot(), bound: .relative(1e-14))
      }
    }
    // Blocks that are not chosen have no say.
    let forest = OutlierMeasure.isolationForest(.init(trees: 10))
    let shifted = sample(50, shift: 5)
    #expect(
      try store.outlierScores(by: forest, blocks: [0])
        == shifted.outlierScores(by: forest, blocks: [0]))
    #expect(
      try store.outlierScores(by: forest) != shifted.outlierScores(by: forest))
  }

  @Test("Numbers that are not finite, and settings that make no forest, are errors")
  func errors() throws {
    var rows = Matrix<Double>(repeating: 1, rows: 10, columns: 4)
    rows[6, 2] = .nan
    let good = Matrix<Double>(repeating: 1, rows: 10, columns: 4)
    for measure in [OutlierMeasure.l1, .l2, .isolationForest(.init())] {
      let error = #expect(throws: InfluenceError.self) {
        try store(good, rows).outlierScores(by: measure)
      }
      let text = "\(try #require(error))"
      #expect(text.contains("row 6") && text.contains("b.weight"))
      #expect(try store(good, rows).outlierScores(by: measure, blocks: [0]).count == 10)
    }
    for settings in [
      IsolationForestSettings(trees: 0), IsolationForestSettings(sample: 1),
    ] {
      #expect(throws: InfluenceError.self) {
        try store(good, good).outlierScores(by: .isolationForest(settings))
      }
    }
    #expect(throws: InfluenceError.self) {
      try store(good, good)[rows: 0..<1].outlierScores(by: .isolationForest(.init()))
    }
  }
}
