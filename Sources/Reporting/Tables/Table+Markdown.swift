extension Table {
  /// The table in GitHub's flavour of Markdown, columns padded so that the source reads well too.
  ///
  /// Text is aligned left and numbers right. Characters of a cell that Markdown would interpret are
  /// escaped with a backslash, and line breaks become blanks.
  package func markdown() -> String {
    let names = columns.map { escapingMarkdown($0.name) }
    let cells = rows.map { row in
      zip(columns, row).map { escapingMarkdown($0.text(of: $1)) }
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

/// Puts a backslash before what Markdown would interpret inside a cell.
///
/// An underscore between letters or digits means nothing in Markdown and stays, so that the names of
/// parameters stay readable.
private func escapingMarkdown(_ text: String) -> String {
  let characters = Array(text)
  func isWordCharacter(_ index: Int) -> Bool {
    characters.indices.contains(index)
      && (characters[index].isLetter || characters[index].isNumber || characters[index] == "_")
  }
  var result = ""
  for (index, character) in characters.enumerated() {
    switch character {
    case _ where character.isNewline || character == "\t":
      result.append(" ")
    case "_" where isWordCharacter(index - 1) && isWordCharacter(index + 1):
      result.append(character)
    case "\\", "|", "`", "*", "_", "[", "]", "<", "&", "~", "$":
      result.append("\\")
      result.append(character)
    default:
      result.append(character)
    }
  }
  return result
}
