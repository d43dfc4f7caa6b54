public import LinearAlgebra

/// A comma-separated table of numbers, one column of which is the target of a regression.
public struct NumericTable: Sendable, Equatable {
  /// The columns but the target's, `n × d`; all finite.
  public let features: Matrix<Double>
  /// The target of each row, n finite numbers.
  public let targets: [Double]
  /// The names of the feature columns.
  public let columns: [String]
  /// What the targets 0, 1, … stand for; nil where they are the numbers of the table.
  public let classes: [String]?

  /// Reads a table with a header line.
  ///
  /// - Parameters:
  ///   - csv: The text of the table.
  ///   - target: The name of the target's column.
  ///   - namesClasses: Whether the target may hold names or other numbers than 0 and 1, which become 0, 1, … in
  ///     ascending order.
  ///   - known: The ``classes`` of a table that this one goes with; its own unless given.
  /// - Throws: ``DataError`` that names line and column.
  public init(
    csv: String, target: String, namingClasses namesClasses: Bool = false,
    classes known: [String]? = nil
  ) throws(DataError) {
    let table = try CSVTable(csv)
    let place = try table.index(of: target)
    var elements: [Double] = []
    var targets: [Double] = []
    var classes = known
    if namesClasses, known == nil {
      var cells: Set<String> = []
      try table.forEachCell { column, cell in
        if column == place { cells.insert(cell) }
        return true
      }
      classes = Self.classes(of: cells)
    }
    let places = classes.map { names in
      Dictionary(uniqueKeysWithValues: names.enumerated().map { ($1, Double($0)) })
    }
    try table.forEachCell { column, cell in
      if column == place, let places {
        guard let target = places[cell] else { return false }
        targets.append(target)
        return true
      }
      guard let value = Double(cell), value.isFinite else { return false }
      if column == place { targets.append(value) } else { elements.append(value) }
      return true
    }
    guard !targets.isEmpty else { throw .noExamples }
    self.classes = classes
    features = Matrix(
      rows: targets.count, columns: table.columns.count - 1, elements: elements)
    self.targets = targets
    columns = table.columns.enumerated().filter { $0.offset != place }.map(\.element)
  }

  /// The names of classes in ascending order, as numbers where all are; nil where they are 0 and 1.
  private static func classes(of cells: Set<String>) -> [String]? {
    let numbers = cells.compactMap { cell in Double(cell).map { (cell, $0) } }
    guard numbers.count == cells.count else { return cells.sorted() }
    guard !numbers.allSatisfy({ [0, 1].contains($0.1) }) else { return nil }
    return numbers.sorted { $0.1 < $1.1 }.map(\.0)
  }
}
