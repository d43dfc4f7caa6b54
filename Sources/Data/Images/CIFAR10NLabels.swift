public import Foundation

/// The human labels of CIFAR-10N (Wei et al., "Learning with Noisy Labels Revisited", 2022).
///
/// A table `index,clean_label,aggre_label,worse_label,random_label1,random_label2,random_label3`, whose
/// row i belongs to training image i of CIFAR-10 in the order of its batches.
public struct CIFAR10NLabels: Sendable, Equatable {
  /// Whose labels.
  public enum Annotation: String, Sendable, CaseIterable {
    /// CIFAR-10's own.
    case clean = "clean_label"
    /// The majority of three people; about 9 % differ from the clean ones.
    case aggregate = "aggre_label"
    /// A wrong one of three where there is one; about 40 % differ.
    case worse = "worse_label"
    /// The first person's; about 17 % differ.
    case random1 = "random_label1"
    /// The second person's.
    case random2 = "random_label2"
    /// The third person's.
    case random3 = "random_label3"
  }

  private let columns: [Annotation: [Int]]
  /// The number of images that are labelled.
  public let count: Int

  /// Reads the table.
  ///
  /// - Throws: ``DataFileError`` where a column is missing, a label is not in 0 ..< 10, or the indices are
  ///   not 0, 1, 2, ….
  public init(reading url: URL) throws(DataFileError) {
    try self.init(TableFile(reading: url))
  }

  /// Takes the labels of a table that was read.
  public init(_ table: TableFile) throws(DataFileError) {
    let index = try table.column("index")
    for row in table.rows.indices where table.rows[row][index] != String(row) {
      throw .wrongIndex(
        path: table.path, line: table.line(of: row), expected: row, found: table.rows[row][index])
    }
    var columns: [Annotation: [Int]] = [:]
    for annotation in Annotation.allCases {
      let column = try table.column(annotation.rawValue)
      var labels: [Int] = []
      labels.reserveCapacity(table.rows.count)
      for (row, cells) in table.rows.enumerated() {
        guard let label = Int(cells[column]) else {
          throw .notANumber(
            path: table.path, line: table.line(of: row), column: annotation.rawValue,
            found: cells[column])
        }
        guard (0..<10).contains(label) else {
          throw .labelOutOfRange(path: table.path, row: row, label: label, classCount: 10)
        }
        labels.append(label)
      }
      columns[annotation] = labels
    }
    self.columns = columns
    count = table.rows.count
  }

  /// The labels of one kind, ``count`` of them.
  public func labels(_ annotation: Annotation) -> [Int] { columns[annotation] ?? [] }

  /// The labels of some training images.
  ///
  /// - Parameters:
  ///   - annotation: Whose labels.
  ///   - ids: Training indices, as ``LabelledImages/ids`` and ``TabularDataSet/ids`` have them.
  public func labels(_ annotation: Annotation, of ids: [Int]) -> [Int] {
    let all = labels(annotation)
    return ids.map { all[$0] }
  }

  /// The rows of a set of training images whose label of one kind differs from the clean one, ascending.
  public func mislabelled(_ annotation: Annotation, among ids: [Int]) -> [Int] {
    zip(labels(annotation, of: ids), labels(.clean, of: ids)).enumerated()
      .filter { $0.element.0 != $0.element.1 }.map(\.offset)
  }
}
