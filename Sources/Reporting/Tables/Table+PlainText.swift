import TensorFiles
internal import TextTable

extension Table {
  /// The table as aligned text: a line of names, a rule, a line for each row.
  ///
  ///     Method       Pearson   Time
  ///     ------------ ------- ------
  ///     datainf        0.912  12 ms
  ///     hessian-free   0.504 870 µs
  ///
  /// Text is aligned left and numbers right. No colour and no trailing blanks; every line ends with a
  /// newline. Cells and names are inert, so that none can break its line or steer a terminal. Widths are
  /// counted in characters.
  package func plainText() -> String {
    let names = columns.map { $0.name.inert }
    let cells = rows.map { row in
      zip(columns, row).map { $0.text(of: $1).inert }
    }
    let lines = [names] + cells
    let widths = columns.indices.map { column in lines.map { $0[column].count }.max() ?? 0 }
    let text = alignedText(
      names: names, rows: cells, widths: widths, isLeading: columns.map(\.isLeading))
    return text.split(separator: "\n")
      .map { $0.trimmingTrailingBlanks + "\n" }.joined()
  }
}

/// Lets TextTable put the lines together.
///
/// All columns are given to it as aligned right, and cells of a left-aligned column are filled up with
/// blanks here: TextTable fills on the right by UTF-16 units, which cuts or shifts text beyond the
/// basic plane, and on the left by characters. It draws no table without rows, so an empty row
/// stands in and is cut off again as a blank line.
private func alignedText(
  names: [String], rows: [[String]], widths: [Int], isLeading: [Bool]
) -> String {
  func filled(_ text: String, _ column: Int) -> String {
    isLeading[column] ? text.filled(to: widths[column]) : text
  }
  let table = TextTable<[String]> { row in
    row.indices.map { column in
      Column(
        title: filled(names[column], column), value: filled(row[column], column),
        width: widths[column], align: .right)
    }
  }
  let shown = rows.isEmpty ? [names.map { _ in "" }] : rows
  let text = table.string(for: shown, style: Style.simple) ?? ""
  guard rows.isEmpty else { return text }
  return text.split(separator: "\n").prefix(2).joined(separator: "\n")
}

extension String {
  fileprivate func filled(to width: Int) -> String {
    self + String(repeating: " ", count: max(0, width - count))
  }
}

extension Substring {
  fileprivate var trimmingTrailingBlanks: String {
    var text = self
    while text.last == " " { text.removeLast() }
    return String(text)
  }
}
