import Evaluation
import Gradients
import LinearAlgebra
import Testing

/// The labels of nearest neighbours.
@Suite("Labels of neighbours")
struct NeighbourLabelsTests {
  private func random(_ rows: Int, seed: UInt64) -> Matrix<Double> {
    var generator = SeededGenerator(seed: seed)
    return Matrix(rows: rows, columns: 6, elements: (0..<rows * 6).map { _ in generator.normal() })
  }

  @Test("They are those of sorting all cosines", arguments: [1, 3, 10, 59, 200])
  func sorting(count: Int) throws {
    let features = random(60, seed: 5)
    var generator = SeededGenerator(seed: 6)
    let labels = (0..<60).map { _ in generator.index(below: 3) }
    let found = try NeighbourLabels(
      among: Representations(features: features, labels: labels), labels: labels, count: count)
    let kept = min(count, 59)
    #expect(found.count == kept)
    func cosine(_ first: Int, _ second: Int) -> Double {
      let (a, b) = (Array(features[row: first]), Array(features[row: second]))
      func dot(_ a: [Double], _ b: [Double]) -> Double { zip(a, b).map { $0 * $1 }.reduce(0, +) }
      return dot(a, b) / (dot(a, a) * dot(b, b)).squareRoot()
    }
    for row in 0..<60 {
      let near = (0..<60).filter { $0 != row }
        .sorted { cosine(row, $0) > cosine(row, $1) }.prefix(kept)
      let others = near.count { labels[$0] != labels[row] }
      #expect(found.disagreement[row] == Double(others) / Double(kept))
      let votes = (0..<3).map { label in near.count { labels[$0] == label } }
      let most = votes.max() ?? 0
      let expected =
        votes[labels[row]] == most ? labels[row] : (votes.firstIndex(of: most) ?? -1)
      #expect(found.suggested[row] == expected)
    }
  }

  @Test("The size of features does not count, and of equally near ones the lower row is nearer")
  func ties() throws {
    let features = Matrix<Double>(
      rows: 4, columns: 2, elements: [1, 0, 1e200, 0, 1e-200, 0, 0, 3])
    let found = try NeighbourLabels(
      among: Representations(features: features, labels: [0, 1, 1, 0]), labels: [0, 1, 1, 0],
      count: 1)
    #expect(found.disagreement == [1, 1, 1, 0])
    #expect(found.suggested == [1, 0, 0, 0])
  }

  @Test("Nearest queries are those of sorting all cosines, the example's own row included")
  func queries() throws {
    let (features, checked) = (random(20, seed: 11), random(9, seed: 12))
    let (labels, checkedLabels) = ((0..<20).map { $0 % 2 }, (0..<9).map { $0 % 3 })
    let found = try NeighbourLabels(
      of: Representations(features: features, labels: labels), labels: labels,
      among: Representations(features: checked, labels: checkedLabels),
      checkedLabels: checkedLabels, count: 4)
    func cosine(_ row: Int, _ other: Int) -> Double {
      func dot(_ a: ArraySlice<Double>, _ b: ArraySlice<Double>) -> Double {
        zip(a, b).map { $0 * $1 }.reduce(0, +)
      }
      let (a, b) = (features[row: row], checked[row: other])
      return dot(a, b) / (dot(a, a) * dot(b, b)).squareRoot()
    }
    for row in 0..<20 {
      let near = (0..<9).sorted { cosine(row, $0) > cosine(row, $1) }.prefix(4)
      #expect(
        found.disagreement[row] == Double(near.count { checkedLabels[$0] != labels[row] }) / 4)
    }
    #expect {
      try NeighbourLabels(
        of: Representations(features: features, labels: labels), labels: labels,
        among: Representations(features: .zeros(2, 3), labels: [0, 1]), checkedLabels: [0, 1],
        count: 1)
    } throws: {
      "\($0)".contains("3 features are not the 6")
    }
  }

  @Test("An example without a direction is named, and one example has no neighbours")
  func refused() throws {
    let features = Matrix<Double>(rows: 3, columns: 1, elements: [1, 0, 2])
    #expect {
      try NeighbourLabels(
        among: Representations(features: features, labels: [0, 0, 0]), labels: [0, 0, 0], count: 1)
    } throws: {
      "\($0)".contains("row 1")
    }
    #expect(throws: EvaluationError.tooFewValues(count: 1, needed: 2)) {
      try NeighbourLabels(
        among: Representations(features: Matrix(rows: 1, columns: 1, elements: [1]), labels: [0]),
        labels: [0], count: 1)
    }
  }
}
