import InfluenceKit
import Reporting

/// What is known of some training examples: their ids, labels and texts, from a user's file or as the store keeps them.
struct ShownExamples {
  private let ids: [Int: String]
  private let labels: [Int: String]
  private let texts: [Int: String]

  /// Reads what is known of some rows.
  ///
  /// - Parameters:
  ///   - rows: The rows that will be shown.
  ///   - store: The training store; nil where it is gone.
  ///   - given: The texts of a file, one per row of the store; those of the store unless given.
  init(_ rows: Set<Int>, of store: GradientStore?, given: ExampleTexts?) throws {
    let stored = try store?.exampleIDs(ofRows: rows) ?? [:]
    guard let given else {
      ids = stored
      labels = try store?.exampleLabels(ofRows: rows) ?? [:]
      texts = try store?.exampleTexts(ofRows: rows) ?? [:]
      return
    }
    ids = rows.reduce(into: stored) { $0[$1] = given.ids[$1] ?? stored[$1] }
    texts = rows.reduce(into: [:]) { $0[$1] = given.texts[$1] }
    labels = rows.reduce(into: [:]) { $0[$1] = given.labels[$1] }
  }

  /// Whether anything is known.
  var isEmpty: Bool { ids.isEmpty && labels.isEmpty && texts.isEmpty }

  /// An example's id, where it says more than the row.
  func id(_ row: Int) -> String? { ids[row].flatMap { $0 == "\(row)" ? nil : $0 } }
  /// An example's label.
  func label(_ row: Int) -> String? { labels[row] }
  /// An example's text.
  func text(_ row: Int) -> String? { texts[row] }

  /// What a JSON object says of an example.
  func json(_ row: Int) -> OrderedJSON {
    ["id": .text(ids[row]), "label": .text(labels[row]), "text": .text(texts[row])]
  }

  /// A table with columns of its own, then the examples' ids, labels and texts as far as they are known.
  ///
  /// A text goes over several lines where the terminal is too narrow for it, and ends with … after three.
  ///
  /// - Parameters:
  ///   - rows: What the lines are about.
  ///   - example: The training row of one of them.
  ///   - fields: The columns before what is known.
  func table<Row>(
    of rows: [Row], example: (Row) -> Int, _ fields: [TableField<Row>]
  ) throws -> Table {
    let own = try Table(of: rows, fields)
    let examples = rows.map(example)
    var known: [(name: String, values: [String])] = []
    for (name, value) in [("id", id), ("label", label)] {
      let values = examples.map { value($0) ?? "" }
      if values.contains(where: { !$0.isEmpty }) { known.append((name, values)) }
    }
    let hasTexts = examples.contains { texts[$0] != nil }
    let columns =
      own.columns + known.map { Table.Column($0.name) } + (hasTexts ? [Table.Column("text")] : [])
    let kinds = own.columns.map(\.name)
    var table = Table(columns: columns)
    let narrow = own.plainText().split(separator: "\n").map(\.count).max() ?? 0
    let taken = known.reduce(narrow) { taken, column in
      taken + 1 + column.values.reduce(column.name.count) { max($0, $1.count) }
    }
    for index in rows.indices {
      let lines =
        hasTexts
        ? Self.wrapped(
          texts[examples[index]] ?? "", to: Console.columns.map { max(20, $0 - taken - 1) }) : [""]
      let cells = own.rows[index] + known.map { .text($0.values[index]) }
      table.append(cells + (hasTexts ? [.text(lines[0])] : []))
      for line in lines.dropFirst() {
        table.append(
          Array(repeating: .text(""), count: kinds.count + known.count) + [.text(line)])
      }
    }
    return table
  }

  /// The lines of a text.
  ///
  /// - Parameter width: The most characters of a line; nil for one line of 80, as in files.
  static func wrapped(_ text: String, to width: Int?) -> [String] {
    let text = text.inert
    guard let width else { return [ExampleTexts.shortened(text)] }
    var lines: [String] = []
    var line = ""
    for word in text.split(separator: " ") {
      var rest = Substring(word)
      if !line.isEmpty, line.count + 1 + rest.count <= width {
        line += " " + rest
        continue
      }
      if !line.isEmpty { lines.append(line) }
      while rest.count > width {
        lines.append(String(rest.prefix(width)))
        rest = rest.dropFirst(width)
      }
      line = String(rest)
    }
    lines.append(line)
    guard lines.count > 3 else { return lines }
    return Array(lines.prefix(2)) + [lines[2].prefix(width - 2) + " …"]
  }
}
