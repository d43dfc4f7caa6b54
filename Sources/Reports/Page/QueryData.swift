internal import InfluenceKit
internal import OrderedCollections

/// The queries as the page's data, which the script and the server's templates read alike.
struct QueryData {
  /// What all queries have in common.
  let common: OrderedJSON
  /// One for each shown query, with a result for each method.
  let queries: [OrderedJSON]
  /// The names of methods in addresses.
  let keys: [String]

  private let part: QueryPart
  private let contents: ReportContents
  private let suspectPlaces: Set<Int>

  init(_ part: QueryPart, in contents: ReportContents) {
    self.part = part
    self.contents = contents
    suspectPlaces = Set(contents.suspects?.suspects.map(\.row) ?? [])
    keys = Self.keys(part.methods)
    let count = contents.training.count
    let layers = part.layers.enumerated().map { place, name -> OrderedJSON in
      let depth = Double(place) / Double(max(1, part.layers.count - 1))
      return [
        "n": .string(PageText.name(name)),
        "o": .string(PageNumbers.share(0.42 + 0.58 * depth)),
      ]
    }
    common = [
      "n": .string(PageNumbers.grouped(count)), "m": .string(PageNumbers.grouped(part.total)),
      "noun": .string(contents.training.hasTexts ? "training texts" : "training examples"),
      "several": .boolean(part.methods.count > 1), "layered": .boolean(!part.layers.isEmpty),
      "ranked": .boolean(contents.training.hasTexts || part.hasRepresentations),
      "methodNames": .array(
        zip(part.methods, keys).map {
          ["key": .string($1), "name": .string(PageText.name($0.specification))]
        }),
      "layerNames": .array(layers),
    ]
    queries = part.shown.map { query in Self.data(query, part, contents) }
  }

  /// Names for addresses: letters, digits, points and hyphens, each once.
  private static func keys(_ methods: [QueryPart.Method]) -> [String] {
    var keys: [String] = []
    for method in methods {
      let key = String(
        method.specification.map { $0.isASCII && ($0.isLetter || $0.isNumber) ? $0 : "-" })
      keys.append(keys.contains(key) ? "\(key)-\(keys.count)" : key)
    }
    return keys
  }

  private static func data(
    _ query: QueryPart.Query, _ part: QueryPart, _ contents: ReportContents
  ) -> OrderedJSON {
    let example = query.example
    let place = query.place.map { place in
      "\(place == 1 ? "hardest" : "\(PageNumbers.grouped(place)) by loss") of \(PageNumbers.grouped(part.total))"
    }
    // With two labels the loss is −ln of the label's probability.
    let probability =
      contents.training.labelNames.count == 2 && query.predicted != nil
      ? example.loss.map { Probability.ofLoss($0) } : nil
    let mark =
      (query.isMistake ? "✗ " : "")
      + (probability.map { PageNumbers.share($0) } ?? example.loss.map { PageNumbers.plain($0) }
        ?? "")
    let short = example.text.map { PageText.visible(String($0.prefix(160))) } ?? example.id
    return [
      "row": .integer(query.row), "id": name(example.id), "note": .text(place),
      "short": .string(short ?? "query \(query.row)"),
      "text": example.text.map { PageText.context($0) } ?? false,
      "label": name(example.label), "predicted": name(query.predicted),
      "miss": .boolean(query.isMistake), "mark": .string(mark),
      "p": probability.map { .string(PageNumbers.share(max($0, 1 - $0))) } ?? false,
      "loss": example.loss.map { .string(PageNumbers.plain($0)) } ?? false,
      "results": .array(
        query.results.indices.map { data(query.results[$0], method: $0, part, contents) }),
    ]
  }

  private static func name(_ text: String?) -> OrderedJSON {
    text.map { .string(PageText.name($0)) } ?? false
  }

  // MARK: - What one method says of one query

  private static func data(
    _ result: QueryPart.Result, method: Int, _ part: QueryPart, _ contents: ReportContents
  ) -> OrderedJSON {
    let largest = result.histogram.largest
    let reference = part.reference.map { part.methods[$0].specification }
    var note = ""
    if part.methods.count > 1 {
      if method == part.reference {
        note = "the reference for the others"
      } else if let correlation = result.correlation, let reference {
        note =
          "on this query it agrees with \(reference) by ρ = \(PageNumbers.share(correlation))"
      }
    }
    func hits(_ hits: [QueryPart.Hit]) -> OrderedJSON {
      .array(hits.map { data($0, largest: largest, part, contents) })
    }
    return [
      "methodNote": .string(note),
      "strip": strip(result.histogram),
      "largest": .string(PageNumbers.plain(largest)), "size": .number(largest),
      "helped": hits(result.helpful), "hurt": hits(result.harmful),
      "held": .string(
        "\(PageNumbers.counted(result.hits.count, "card")) hold\(result.hits.count == 1 ? "s" : "") \(PageNumbers.percent(result.hitShare)) of the sum of magnitudes"
      ),
    ]
  }

  /// The bars of the histogram as two paths, and the same as a table with three bins in a row.
  private static func strip(_ histogram: ScoreHistogram) -> OrderedJSON {
    let most = Double(histogram.counts.max() ?? 1)
    let middle = (ScoreHistogram.binCount - 1) / 2
    var paths = ["", ""]
    for (bin, count) in histogram.counts.enumerated() where count > 0 {
      let height = max(2, 56 * Double(count) / most)
      let side = bin > middle ? 0 : 1
      paths[side] += "M\(bin) 58v-\(PageNumbers.coordinate(height))h.84V58z"
    }
    let rows = stride(from: 0, to: ScoreHistogram.binCount, by: 3).compactMap {
      first -> OrderedJSON? in
      let count = histogram.counts[first..<first + 3].reduce(0, +)
      guard count > 0 else { return nil }
      return [
        "to": .string(PageNumbers.signed(histogram.upperEnd(of: first + 2))),
        "c": .string(PageNumbers.grouped(count)),
      ]
    }
    return ["up": .string(paths[0]), "down": .string(paths[1]), "bins": .array(rows)]
  }

  private static func data(
    _ hit: QueryPart.Hit, largest: Double, _ part: QueryPart, _ contents: ReportContents
  ) -> OrderedJSON {
    let size = hit.layers.reduce(0) { $0 + abs($1) }
    let share = largest > 0 ? hit.score / largest : 0
    var data: OrderedDictionary<String, OrderedJSON> = [
      "i": .integer(hit.example), "s": .string(PageNumbers.signed(hit.score)),
      "c": hit.score < 0 ? "m" : "p",
      "w": .string(PageNumbers.coordinate(100 * abs(share))),
      "x": .string(PageNumbers.coordinate(50 + 50 * share)),
      "r": .array(hit.places.map { .string(PageNumbers.grouped($0)) }),
    ]
    if !part.layers.isEmpty {
      data["l"] = .array(
        hit.layers.map { .integer(size > 0 ? Int((100 * $0 / size).rounded()) : 0) })
    }
    if hit.sharesContent != nil {
      data["words"] = .string(hit.lexicalPlace.map { PageNumbers.grouped($0) } ?? "none")
      data["found"] = .boolean(hit.lexicalPlace != nil)
    }
    if let place = hit.similarityPlace { data["meaning"] = .string(PageNumbers.grouped(place)) }
    if hit.isUnlike(among: contents.training.count) { data["unlike"] = true }
    if let steady = hit.steadyAt, let steadiness = part.steadiness {
      data["steady"] = .string(
        "Among the \(steadiness.leading) most \(hit.score < 0 ? "harmful" : "helpful") at \(steady) of \(steadiness.dampings) dampings."
      )
    }
    if !hit.tokens.isEmpty, let text = contents.examples[hit.example].text {
      data["text"] = PageText.context(text, tokens: hit.tokens)
    }
    return .object(data)
  }

  // MARK: - For the templates

  /// What the template `article` needs for a query and a method.
  ///
  /// The script does the same with the same data.
  func article(query: Int, method: Int, examples: OrderedJSON, flagged: Set<Int>) -> OrderedJSON {
    guard var context = common.object, let data = queries[query].object,
      let result = data["results"]?.array?[method].object
    else { return [:] }
    context.merge(data.filter { $0.key != "results" }) { $1 }
    context.merge(result) { $1 }
    context["key"] = .string(keys[method])
    context["methods"] = .array(
      (common["methodNames"]?.array ?? []).enumerated().map { place, name in
        [
          "key": name["key"] ?? "", "name": name["name"] ?? "",
          "on": place == method ? "true" : "false",
        ]
      })
    for side in ["helped", "hurt"] {
      context[side] = .array(
        (result[side]?.array ?? []).map { card($0, examples: examples, flagged: flagged) })
    }
    return .object(context)
  }

  private func card(
    _ hit: OrderedJSON, examples: OrderedJSON, flagged: Set<Int>
  ) -> OrderedJSON {
    let row = hit["i"]?.integer ?? 0
    var context = Self.empty
    context.merge(examples["\(row)"]?.object ?? [:]) { $1 }
    context.merge(hit.object ?? [:]) { $1 }
    let layers = common["layerNames"]?.array ?? []
    context["layers"] = .array(
      zip(layers, hit["l"]?.array ?? []).compactMap { layer, share -> OrderedJSON? in
        guard let share = share.integer, share != 0 else { return nil }
        return [
          "n": layer["n"] ?? "", "o": layer["o"] ?? "", "c": share < 0 ? "m" : "p",
          "f": .integer(abs(share)), "v": .string("\(share < 0 ? "−" : "+")\(abs(share)) %"),
        ]
      })
    context["ranks"] = .array(
      zip(common["methodNames"]?.array ?? [], hit["r"]?.array ?? []).map {
        ["name": $0["name"] ?? "", "r": $1]
      })
    context["suspected"] = .boolean(suspectPlaces.contains(row))
    context["flagged"] = .boolean(flagged.contains(row))
    return .object(context)
  }

  /// What a card has where nothing is known: false, so that no name is looked for further out.
  private static let empty: OrderedDictionary<String, OrderedJSON> = [
    "text": false, "label": false, "id": false, "loss": false, "words": false, "found": false,
    "meaning": false, "unlike": false, "steady": false,
  ]
}
