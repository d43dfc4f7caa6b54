import Data
import Foundation
import LinearAlgebra
import Testing

@Suite("Digits and other tables")
struct TabularDataSetTests {
  @Test("the embedded digits are the published file")
  func digitsEqualFile() throws {
    let url = try #require(
      Bundle.module.url(forResource: "digits", withExtension: "csv", subdirectory: "Fixtures"))
    let table = try TabularDataSet<Double>(
      csv: String(contentsOf: url, encoding: .utf8), labelColumn: "label", featureDivisor: 16)
    #expect(table == Digits.dataSet(of: Double.self))
  }

  @Test("the digits have their known counts and checksums")
  func digitsChecksum() {
    let digits = Digits.dataSet(of: Float.self)
    #expect(digits.count == 1797)
    #expect(digits.features.rows == 1797 && digits.features.columns == 64)
    #expect(digits.classCount == 10)
    let counts = (0..<10).map { digit in digits.labels.count { $0 == digit } }
    #expect(counts == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180])
    #expect(digits.features.elements.allSatisfy { (0...1).contains($0) })
    // Σ (i+1)·(j+1)·pixel, computed from the file by another program: sensitive to order too.
    var weighted = 0
    for row in 0..<1797 {
      for column in 0..<64 {
        weighted += (row + 1) * (column + 1) * Int(digits.features[row, column] * 16)
      }
    }
    #expect(weighted == 16_337_198_609)
  }

  @Test("a split gives disjoint parts that depend on the seed")
  func splits() throws {
    let digits = Digits.dataSet(of: Float.self)
    let parts = try digits.split(counts: [500, 1000, 297], seed: 1)
    #expect(parts.map(\.count) == [500, 1000, 297])
    #expect(parts.flatMap(\.ids).sorted() == Array(0..<1797))
    for (row, id) in parts[1].ids.enumerated() {
      #expect(parts[1].labels[row] == digits.labels[id])
      #expect(parts[1].features[row: row] == digits.features[row: id])
    }
    #expect(try digits.split(counts: [500, 1000, 297], seed: 1) == parts)
    #expect(try digits.split(counts: [500, 1000, 297], seed: 2) != parts)
    for sizes in [[1 << 62, 1 << 62], [1, .max], [-1, 1]] {
      #expect(throws: DataError.splitTooLarge(requested: sizes, available: 1797)) {
        try digits.split(counts: sizes, seed: 0)
      }
    }
    #expect(throws: DataError.splitTooLarge(requested: [1797, 0], available: 1797)) {
      try digits.split(counts: [1797, 0], seed: 1)
    }
  }

  @Test("exactly the asked share is flipped, always to another class", arguments: [0, 0.1, 0.2, 1])
  func flips(fraction: Double) throws {
    let digits = Digits.dataSet(of: Float.self)
    let (noisy, flipped) = try digits.flippingLabels(fraction: fraction, seed: 7)
    #expect(flipped.count == Int((fraction * 1797).rounded()))
    #expect(flipped == flipped.sorted() && Set(flipped).count == flipped.count)
    let changed = digits.labels.indices.filter { noisy.labels[$0] != digits.labels[$0] }
    #expect(changed == flipped)
    #expect(noisy.labels.allSatisfy { (0..<10).contains($0) })
    #expect(noisy.features == digits.features && noisy.ids == digits.ids)
    #expect(try digits.flippingLabels(fraction: fraction, seed: 7).noisy == noisy)
    if fraction == 0.2 {
      #expect(try digits.flippingLabels(fraction: fraction, seed: 8).flipped != flipped)
    }
  }

  @Test("each other class is as likely as the next")
  func flipsAreUniform() throws {
    let data = try TabularDataSet(
      features: Matrix<Float>.zeros(9000, 1), labels: Array(repeating: 4, count: 9000),
      classCount: 10)
    let labels = try data.flippingLabels(fraction: 1, seed: 3).noisy.labels
    for label in 0..<10 {
      // 1,000 expected, deviation 30: five of them.
      let count = labels.count { $0 == label }
      #expect(label == 4 ? count == 0 : abs(count - 1000) < 150)
    }
  }

  @Test("a table that cannot be read says where")
  func unreadableTables() {
    #expect(throws: DataError.unreadableTable(line: 3, column: "b", found: "x")) {
      try TabularDataSet<Double>(csv: "a,b,label\n1,2,0\n3,x,1\n", labelColumn: "label")
    }
    #expect(throws: DataError.unreadableTable(line: 2, column: "label", found: "0.5")) {
      try TabularDataSet<Double>(csv: "a,b,label\n1,2,0.5\n", labelColumn: "label")
    }
    #expect(throws: DataError.missingColumn(name: "class", columns: ["a", "label"])) {
      try TabularDataSet<Double>(csv: "a,label\n1,0\n", labelColumn: "class")
    }
    #expect(throws: DataError.noExamples) {
      try TabularDataSet<Double>(csv: "a,label\n", labelColumn: "label")
    }
  }

  @Test("a label past the most classes is refused, and the largest is not")
  func manyClasses() throws {
    for label in [65_536, 99_999_999_999, Int.max] {
      #expect(throws: DataError.labelOutOfRange(row: 1, label: label, classCount: 65_536)) {
        try TabularDataSet<Double>(csv: "a,label\n1,0\n2,\(label)\n", labelColumn: "label")
      }
    }
    let data = try TabularDataSet<Double>(csv: "a,label\n1,0\n2,65535\n", labelColumn: "label")
    #expect(data.classCount == 65_536)
  }
}
