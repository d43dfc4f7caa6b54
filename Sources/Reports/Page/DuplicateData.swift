internal import InfluenceKit

/// Near-duplicates as what the template needs.
enum DuplicateData {
  /// The most words of texts whose differences are marked.
  private static let mostWords = 300

  static func section(
    _ part: DuplicatePart, in contents: ReportContents, flagged: Set<Int>
  ) -> OrderedJSON {
    let suspects = Set(contents.suspects?.suspects.map(\.row) ?? [])
    return [
      "lede": .string(lede(part, contents)),
      "groups": .array(part.groups.map { group($0, contents, suspects, flagged) }),
      "leaks": .array(part.leaks.map { leak($0, contents, suspects, flagged) }),
      "moreGroups": .integer(part.groupCount - part.groups.count),
      "hasMore": .boolean(part.groupCount > part.groups.count),
    ]
  }

  private static func lede(_ part: DuplicatePart, _ contents: ReportContents) -> String {
    var text =
      part.groupCount == 0
      ? "No two training texts share four fifths of their words."
      : "\(PageNumbers.counted(part.groupCount, "group")) of training texts share\(part.groupCount == 1 ? "s" : "") at least four fifths of \(part.groupCount == 1 ? "its" : "their") words."
    if part.groupCount > 0, !contents.training.labelNames.isEmpty {
      text +=
        part.differingCount == 0
        ? " In each all labels are the same."
        : " \(PageNumbers.counted(part.differingCount, "group")) carr\(part.differingCount == 1 ? "ies" : "y") different labels: two copies under different labels pull the model both ways."
    }
    if contents.queries != nil {
      text +=
        part.leakCount == 0
        ? " No query is nearly a copy of a training text."
        : " \(PageNumbers.counted(part.leakCount, "query", "queries")) \(part.leakCount == 1 ? "is" : "are") nearly a copy of a training text, so that what the model says of \(part.leakCount == 1 ? "it" : "them") may be remembered."
    }
    if part.groupCount > 0 { text += " What differs is underlined." }
    if part.isCut { text += " There are more pairs than were looked at." }
    return text
  }

  private static func group(
    _ group: DuplicatePart.Group, _ contents: ReportContents, _ suspects: Set<Int>,
    _ flagged: Set<Int>
  ) -> OrderedJSON {
    let rows = Array(group.rows.prefix(DuplicatePart.mostTexts))
    let texts = rows.map { PageText.visible(contents.examples[$0].text ?? "") }
    let labelled = rows.contains { contents.examples[$0].label != nil }
    return [
      "differ": .boolean(group.labelsDiffer), "same": .boolean(labelled && !group.labelsDiffer),
      "caption": .string(
        "\(PageNumbers.counted(group.rows.count, "text")), words shared \(PageNumbers.share(group.similarity))"
      ),
      "texts": .array(
        rows.indices.map { place in
          text(
            texts[place], against: texts[place == 0 ? texts.count - 1 : 0], rows[place], contents,
            suspects, flagged)
        }),
      "more": .integer(group.rows.count - rows.count),
      "hasMore": .boolean(group.rows.count > rows.count),
    ]
  }

  private static func text(
    _ text: String, against other: String, _ row: Int, _ contents: ReportContents,
    _ suspects: Set<Int>, _ flagged: Set<Int>
  ) -> OrderedJSON {
    [
      "parts": .array(
        differences(of: text, from: other).map {
          ["t": .string($0.text), "m": .boolean($0.differs)]
        }
      ),
      "label": contents.examples[row].label.map { .string(PageText.name($0)) } ?? false,
      "i": .integer(row), "suspected": .boolean(suspects.contains(row)),
      "flagged": .boolean(flagged.contains(row)),
    ]
  }

  private static func leak(
    _ leak: DuplicatePart.Leak, _ contents: ReportContents, _ suspects: Set<Int>,
    _ flagged: Set<Int>
  ) -> OrderedJSON {
    let other = PageText.visible(contents.examples[leak.example].text ?? "")
    let query = PageText.visible(leak.text)
    return [
      "caption": .string("words shared \(PageNumbers.share(leak.similarity))"),
      "query": .integer(leak.query),
      "linked": .boolean(contents.queries?.shown.contains { $0.row == leak.query } ?? false),
      "label": leak.label.map { .string(PageText.name($0)) } ?? false,
      "parts": .array(
        differences(of: query, from: other).map {
          ["t": .string($0.text), "m": .boolean($0.differs)]
        }
      ),
      "copy": text(other, against: query, leak.example, contents, suspects, flagged),
    ]
  }

  /// A text in parts, of which those differ that are not of the longest common sequence of words with another.
  static func differences(of text: String, from other: String) -> [(text: String, differs: Bool)] {
    let words = text.split(separator: " ", omittingEmptySubsequences: false).map(String.init)
    let others = other.split(separator: " ", omittingEmptySubsequences: false).map(String.init)
    guard words.count <= mostWords, others.count <= mostWords else {
      return [(String(text.prefix(2000)) + (text.count > 2000 ? " …" : ""), false)]
    }
    // lengths[i][j]: the longest common sequence of what follows word i and word j.
    var lengths = Array(
      repeating: [Int](repeating: 0, count: others.count + 1), count: words.count + 1)
    for i in words.indices.reversed() {
      for j in others.indices.reversed() {
        lengths[i][j] =
          words[i] == others[j]
          ? lengths[i + 1][j + 1] + 1 : max(lengths[i + 1][j], lengths[i][j + 1])
      }
    }
    var parts: [(text: String, differs: Bool)] = []
    func add(_ word: String, _ differs: Bool) {
      if let last = parts.last, last.differs == differs {
        parts[parts.count - 1].text += " " + word
      } else {
        // The blank before a part is not underlined.
        if !parts.isEmpty {
          if differs { parts[parts.count - 1].text += " " }
        }
        parts.append((parts.isEmpty || differs ? word : " " + word, differs))
      }
    }
    var (i, j) = (0, 0)
    while i < words.count {
      if j < others.count, words[i] == others[j] {
        add(words[i], false)
        (i, j) = (i + 1, j + 1)
      } else if j < others.count, lengths[i + 1][j] < lengths[i][j + 1] {
        j += 1
      } else {
        add(words[i], true)
        i += 1
      }
    }
    return parts
  }
}
