import Data
import LinearAlgebra
import Testing

@Suite("Errors of data, and tables of numbers")
struct DataErrorTests {
  @Test("bad data are refused with the row at fault")
  func badData() {
    let features = Matrix<Float>.zeros(2, 3)
    #expect(throws: DataError.noExamples) {
      try TabularDataSet(features: Matrix<Float>.zeros(0, 3), labels: [], classCount: 2)
    }
    #expect(throws: DataError.labelCount(rows: 2, labels: 1)) {
      try TabularDataSet(features: features, labels: [0], classCount: 2)
    }
    #expect(throws: DataError.labelOutOfRange(row: 1, label: 2, classCount: 2)) {
      try TabularDataSet(features: features, labels: [0, 2], classCount: 2)
    }
    #expect(throws: DataError.labelOutOfRange(row: 0, label: -1, classCount: 2)) {
      try TabularDataSet(features: features, labels: [-1, 0], classCount: 2)
    }
    var broken = features
    broken[1, 2] = .nan
    #expect(throws: DataError.featureNotFinite(row: 1, column: 2)) {
      try TabularDataSet(features: broken, labels: [0, 1], classCount: 2)
    }
    #expect(throws: DataError.self) {
      try Digits.dataSet(of: Float.self).flippingLabels(fraction: 1.5, seed: 0)
    }
  }

  @Test("Tables of numbers: columns, target, and what is wrong with a cell")
  func table() throws {
    let table = try NumericTable(csv: "a,y,b\n1,2.5,3\n4,-1,6\n", target: "y")
    #expect(table.columns == ["a", "b"] && table.targets == [2.5, -1])
    #expect(table.features.elements == [1, 3, 4, 6])
    #expect(throws: DataError.unreadableTable(line: 3, column: "b", found: "x")) {
      try NumericTable(csv: "a,y,b\n1,2.5,3\n4,-1,x\n", target: "y")
    }
    #expect(throws: DataError.unreadableTable(line: 2, column: "a", found: "nan")) {
      try NumericTable(csv: "a,y\nnan,2.5\n", target: "y")
    }
    #expect(throws: DataError.missingColumn(name: "z", columns: ["a", "y"])) {
      try NumericTable(csv: "a,y\n1,2\n", target: "z")
    }
    #expect(throws: DataError.noExamples) { try NumericTable(csv: "a,y\n", target: "y") }
  }
}
