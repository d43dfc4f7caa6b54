import Data
import Evaluation
import Influence
import LinearAlgebra
import Models
import Testing

/// Rows of a table, removed from a regression that is trained on it.
@Suite("Removal from tables")
struct TableRemovalTests {
  private static let csv = """
    x,z,y
    0,1,0.2
    1,0,1.1
    2,1,1.8
    3,0,3.4
    4,1,3.7
    5,0,5.2
    6,2,9
    7,1,6.8
    """

  private func table(_ csv: String = csv) throws -> NumericTable {
    try NumericTable(csv: csv, target: "y")
  }

  @Test("The effect is what training again without the rows changes")
  func effect() throws {
    let table = try table()
    let outcome = try TableRemoval(table, point: 2)
      .influentialSubset(size: 2, of: .leastSquares(penalty: 0.1))
    #expect(Set(outcome.subset.rows).count == 2 && !outcome.subset.rows.contains(2))
    #expect(outcome.targets == outcome.subset.rows.map { table.targets[$0] })
    func answer(without removed: [Int]) throws -> Double {
      let rows = table.targets.indices.filter { $0 != 2 && !removed.contains($0) }
      var inputs = Matrix<Double>(repeating: 1, rows: rows.count, columns: 3)
      inputs.place(table.features.selecting(rows: rows), firstColumn: 0)
      let model = try RidgeRegression(
        features: inputs, targets: rows.map { table.targets[$0] }, penalty: 0.1)
      return zip(Array(table.features[row: 2]) + [1], model.parameters)
        .reduce(0) { $0 + $1.0 * $1.1 }
    }
    let before = try answer(without: [])
    #expect(abs(outcome.answer - before) < 1e-12)
    let effect = try #require(outcome.subset.effect)
    #expect(abs(try answer(without: outcome.subset.rows) - before - effect) < 1e-10)
  }

  @Test("A point from another table leaves every row in training")
  func points() throws {
    let removal = try TableRemoval(table(), point: 0, of: table("x,z,y\n9,9,0\n"))
    #expect(removal.count == 8)
    #expect(try TableRemoval(table(), point: 0).count == 7)
  }

  @Test("Tables that no regression can be trained on are refused, without options in the message")
  func refused() throws {
    let table = try table()
    #expect(throws: TableRemovalError.differentColumns) {
      try TableRemoval(table, point: 0, of: self.table("q,z,y\n1,2,3\n"))
    }
    #expect(throws: TableRemovalError.nothingToTrainOn) {
      try TableRemoval(self.table("x,z,y\n1,2,3\n"), point: 0)
    }
    let constant = try TableRemoval(self.table("x,z,y\n1,3,1\n2,3,0\n4,3,1\n5,3,1\n"), point: 0)
    #expect(throws: TableRemovalError.dependentColumns) {
      try constant.influentialSubset(size: 1, of: .leastSquares(penalty: 0))
    }
    let removal = try TableRemoval(table, point: 0)
    #expect(throws: TableRemovalError.notAClass(row: 1, value: 1.1, isPoint: false)) {
      try removal.influentialSubset(size: 1, of: .logistic(penalty: 0.1, measure: .margin))
    }
    for error in [
      TableRemovalError.differentColumns, .nothingToTrainOn, .dependentColumns,
      .notAClass(row: 1, value: 2, isPoint: true),
    ] {
      #expect(!"\(error)".contains("--"))
    }
  }
}
