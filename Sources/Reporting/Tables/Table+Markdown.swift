extension Table {
  /// The table in GitHub's flavour of Markdown, columns padded so that the source reads well too.
  ///
  /// Text is aligned left and numbers right. `MarkdownText` says how cells are escaped.
  package func markdown() -> String {
    let names = columns.map { MarkdownText.plain($0.name) }
    let cells = rows.map { row in
      zip(columns, row).map { MarkdownText.plain($0.text(of: $1)) }
    }
    let lines = [names] + cells
    let widths = columns.indices.map { column in lines.map { $0[column].count }.max() ?? 0 }
    let rules = zip(columns, widths).map { column, width in
      let dashes = String(repeating: "-", count: max(width, 3) + 1)
      return column.isLeading ? ":" + dashes : dashes + ":"
    }
    func line(_ cells: [String]) -> String {
      let padded = columns.indices.map { column in
        let blanks = String(
          repeating: " ", count: max(widths[column], 3) - cells[column].count)
        return columns[column].isLeading ? cells[column] + blanks : blanks + cells[column]
      }
      return "| " + padded.joined(separator: " | ") + " |\n"
    }
    return line(names) + "|" + rules.joined(separator: "|") + "|\n" + cells.map(line).joined()
  }
}
