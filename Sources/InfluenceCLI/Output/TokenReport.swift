import InfluenceKit
import Reporting

/// What `influence tokens` found, and how it looks.
struct TokenReport {
  /// Which example, and why it is shown.
  struct Place {
    let side: String
    let rank: Int
    let example: Int
  }

  let method: any Estimator
  let damping: Damping
  let query: Int?
  let places: [Place]
  let influences: [TokenInfluence]
  var warnings: [String]
  /// Of each place: the ids and the texts of its tokens.
  private var tokens: [(ids: [Int], pieces: [String])] = []
  private var names: [Int: String] = [:]
  private var labels: [String]?
  private var queryName: String?
  private var training: OrderedJSON = .null

  init(
    method: any Estimator, damping: Damping, query: Int?, places: [Place],
    influences: [TokenInfluence], warnings: [String]
  ) {
    (self.method, self.damping, self.query) = (method, damping, query)
    (self.places, self.influences) = (places, influences)
    // The scores and their directions say the same of the fit.
    self.warnings = warnings.reduce(into: []) { if !$0.contains($1) { $0.append($1) } }
  }

  /// Adds the tokens' texts, and the names of examples and query.
  mutating func describe(
    _ opened: ModelTexts, _ store: GradientStore, _ queries: GradientStore
  ) throws {
    tokens = try places.map { place in
      let ids = opened.texts.sequences[place.example].tokens
      return (ids, try opened.tokenizer.pieces(ids))
    }
    names = try store.exampleIDs(ofRows: Set(places.map(\.example)))
    labels = opened.labels
    queryName = query == nil ? nil : try queries.exampleIDs(ofRows: [0])[0]
    training = try store.record()
  }

  /// The largest distance of a sum of shares from its score, as a part of the shares' sizes.
  private var largestDifference: Double { influences.map(\.difference).max() ?? 0 }

  /// Refuses shares that do not sum to the scores.
  ///
  /// Stored numbers are rounded to their type, which scores feel and shares do not.
  ///
  /// - Throws: ``Failure/data(_:)``.
  func requireAgreement(with store: GradientStore, at path: String) throws {
    try Self.requireAgreement(of: influences, with: store, at: path)
  }

  /// The same of some examples.
  static func requireAgreement(
    of influences: [TokenInfluence], with store: GradientStore, at path: String
  ) throws {
    let isNarrow = store.commonElementType.map { $0 != .float32 && $0 != .float64 } ?? true
    guard let worst = influences.first(where: { !($0.difference <= (isNarrow ? 0.05 : 1e-3)) })
    else { return }
    throw Failure.data(
      "\(path): the tokens of row \(worst.example) sum to \(NumberFormat.significant(worst.sum, digits: 4)) where its score is \(NumberFormat.significant(worst.score, digits: 4)), so that its gradients are of another model, adapter or text, or of another measure than the loss; give what they were written with"
    )
  }

  // MARK: - As text

  /// How many lines the table has.
  var lineCount: Int { influences.reduce(0) { $0 + $1.shares.count } }

  /// Prints each text shaded, with its strongest tokens.
  func printTexts(color: ShadedText.Color, quiet: Bool) {
    if !quiet {
      let subject = query.map { "query \($0)\(Self.shown(queryName, of: $0))" } ?? "the mean query"
      let texts = places.first?.side == "given" ? "training texts" : "the top training texts"
      Console.print(
        "tokens of \(texts) for \(subject), by \(method.name); positive is helpful")
    }
    var side = ""
    for (index, place) in places.enumerated() {
      if place.side != side {
        side = place.side
        Console.print("", side == "given" ? "given rows" : "most \(side)")
      }
      let found = influences[index]
      let name = Self.shown(names[place.example], of: place.example)
      let label = labels.map { ", labelled \($0[place.example])" } ?? ""
      Console.print(
        "\(place.rank). row \(place.example)\(name)\(label): \(NumberFormat.significant(found.score, digits: 4))"
      )
      let largest = found.shares.map(abs).max() ?? 0
      let weights = found.shares.map { largest > 0 ? $0 / largest : 0 }
      Console.print(
        ShadedText(parts: Array(zip(tokens[index].pieces, weights))), indent: 3, color: color)
      Console.print("   \(strongest(index))")
    }
    guard !quiet else { return }
    Console.print(
      "",
      "shares sum to the scores within \(NumberFormat.upperBound(largestDifference)) of the shares' sizes"
    )
  }

  /// An id in parentheses; nothing where it says no more than the row.
  private static func shown(_ id: String?, of row: Int) -> String {
    id.flatMap { $0 == "\(row)" ? nil : " (\($0))" } ?? ""
  }

  /// The strongest tokens of a text, each with its share.
  private func strongest(_ index: Int) -> String {
    let (shares, pieces) = (influences[index].shares, tokens[index].pieces)
    let magnitude = influences[index].magnitude
    guard magnitude > 0 else { return "no token has a share" }
    return shares.indices.sorted { abs(shares[$0]) > abs(shares[$1]) }.prefix(5)
      .map { place in
        let part = Int((100 * abs(shares[place]) / magnitude).rounded())
        return
          "\(pieces[place].quoted) \(shares[place] > 0 ? "+" : "")\(NumberFormat.significant(shares[place])) (\(part) %)"
      }.joined(separator: ", ")
  }

  // MARK: - As data

  /// A line for each token.
  func csv() -> String {
    let header = [
      "side", "rank", "example", "id", "score", "position", "token_id", "token", "share",
    ]
    return places.indices.reduce(into: CSVLine.text(header)) { text, index in
      let (place, found) = (places[index], influences[index])
      for (position, share) in found.shares.enumerated() {
        text += CSVLine.text([
          place.side, "\(place.rank)", "\(place.example)", names[place.example] ?? "",
          "\(found.score)", "\(position)", "\(tokens[index].ids[position])",
          tokens[index].pieces[position], "\(share)",
        ])
      }
    }
  }

  /// The record; with all tokens, or without.
  func record(tokens withTokens: Bool) -> OrderedJSON {
    let examples = places.indices.map { index -> OrderedJSON in
      let (place, found) = (places[index], influences[index])
      let tokens: [OrderedJSON] = found.shares.indices.map { position in
        [
          "token_id": .integer(self.tokens[index].ids[position]),
          "text": .string(self.tokens[index].pieces[position]),
          "share": .number(found.shares[position]),
        ]
      }
      return [
        "side": .string(place.side), "rank": .integer(place.rank),
        "example": .integer(place.example), "id": .text(names[place.example]),
        "label": .text(labels?[place.example]), "score": .number(found.score),
        "sum": .number(found.sum),
        "tokens": withTokens ? .array(tokens) : .integer(tokens.count),
      ]
    }
    return [
      "format": "influencekit-tokens", "version": 1, "method": .string(method.name),
      "settings": .settings(method.settings), "damping": .string(damping.description),
      "query_row": query.map { .integer($0) } ?? .null, "query_id": .text(queryName),
      "convention": .string(ScoreConvention.helpful.rawValue),
      "examples": .array(examples), "largest_difference": .number(largestDifference),
      "train": training, "warnings": .list(warnings), "versions": RunRecord.versions,
      "command": RunRecord.commandLine,
    ]
  }
}
