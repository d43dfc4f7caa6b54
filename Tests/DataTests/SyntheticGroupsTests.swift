import Data
import LinearAlgebra
import TestSupport
import Testing

@Suite("Synthetic data and fingerprints")
struct SyntheticGroupsTests {
  @Test("without noise, points lie where the shape says", arguments: SyntheticGroups.Shape.allCases)
  func shapes(shape: SyntheticGroups.Shape) throws {
    let data = try SyntheticGroups(shape, noise: 0, seed: 1).parts([200])[0].data
    for (row, label) in data.labels.enumerated() {
      let (x, y) = (data.features[row, 0], data.features[row, 1])
      switch shape {
      case .gaussians: #expect(x == y && x == (label == 1 ? 1 : -1))
      case .xor: #expect(abs(x) == 1 && abs(y) == 1 && (x * y < 0) == (label == 1))
      case .rings: #expect(abs(x * x + y * y - (label == 1 ? 4 : 1)) < 1e-14)
      case .moons:
        let (a, b) = label == 1 ? (1 - x, 0.5 - y) : (x, y)
        #expect(abs(a * a + b * b - 1) < 1e-14 && b >= 0)
      }
    }
  }

  @Test("group and label correlate as asked", arguments: [-0.8, 0, 0.5])
  func correlation(rho: Double) throws {
    let count = 4_000
    let part = try SyntheticGroups(.moons, groupCorrelation: rho, seed: 3).parts([count])[0]
    let signs = zip(part.groups, part.data.labels).map { Double((2 * $0 - 1) * (2 * $1 - 1)) }
    // A mean of n signs has deviation √(1 − ρ²)/√n: five of them.
    #expect(abs(signs.reduce(0, +) / Double(count) - rho) < 5 / Double(count).squareRoot())
  }

  @Test("parts are independent of each other's sizes, and seeds differ")
  func seeds() throws {
    let synthetic = SyntheticGroups(.rings, seed: 5)
    let few = try synthetic.parts([10, 20])
    let many = try synthetic.parts([15, 20])
    #expect(few[1] == many[1])
    #expect(many[0].selecting(Array(0..<10)).data.features == few[0].data.features)
    #expect(try SyntheticGroups(.rings, seed: 6).parts([10])[0] != few[0])
    #expect(few[0].data.features != few[1].selecting(Array(0..<10)).data.features)
    #expect(throws: DataError.self) { try synthetic.parts([0]) }
    #expect(throws: DataError.self) {
      try SyntheticGroups(.xor, groupCorrelation: 1.5, seed: 1).parts([5])
    }
  }

  @Test("groups go with their rows")
  func grouped() throws {
    let all = try SyntheticGroups(.xor, seed: 5).parts([30])[0]
    #expect(throws: DataError.self) { try GroupedDataSet(all.data, groups: [0]) }
    #expect(throws: DataError.self) {
      try GroupedDataSet(all.data, groups: [Int](repeating: -1, count: 30))
    }
    let parts = try all.split(counts: [12, 18], seed: 2)
    #expect(Set(parts.flatMap { $0.data.ids }) == Set(0..<30))
    for part in parts {
      for (row, id) in part.data.ids.enumerated() {
        #expect(part.groups[row] == all.groups[id])
        #expect(part.data.features[row: row] == all.data.features[row: id])
      }
    }
    // Also where ids are not row numbers.
    let later = try all.selecting(Array(10..<30)).split(counts: [20], seed: 1)[0]
    #expect(later.data.ids.sorted() == Array(10..<30))
  }

  @Test("a fingerprint is of the content, and the same in every run")
  func fingerprint() throws {
    let data = try TabularDataSet<Double>(
      features: Matrix(rows: 2, columns: 2, elements: [1, 2, 3, 0.5]), labels: [0, 1],
      classCount: 2)
    #expect(data.fingerprint == fixed)
    let single = try TabularDataSet<Float>(
      features: Matrix(rows: 2, columns: 2, elements: [1, 2, 3, 0.5]), labels: [0, 1],
      classCount: 2)
    #expect(single.fingerprint == data.fingerprint)
    var prints: Set<String> = [data.fingerprint]
    prints.insert(try data.relabelled([1, 1]).fingerprint)
    prints.insert(data.selecting([1, 0]).fingerprint)
    for (rows, columns) in [(4, 1), (1, 4)] {
      prints.insert(
        try TabularDataSet<Double>(
          features: Matrix(rows: rows, columns: columns, elements: [1, 2, 3, 0.5]),
          labels: [Int](repeating: 0, count: rows), classCount: 2
        ).fingerprint)
    }
    prints.insert(try GroupedDataSet(data, groups: [0, 1]).fingerprint)
    prints.insert(try GroupedDataSet(data, groups: [1, 1]).fingerprint)
    #expect(prints.count == 7)
    #expect(prints.allSatisfy { $0.count == 32 && $0.allSatisfy(\.isHexDigit) })
  }

  private let fixed = "33c50f962d5345f6ff07f12ba9129136"
}
