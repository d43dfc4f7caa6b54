import Foundation
import InfluenceKit
import Reports
import TestSupport
import Testing

/// A small task: gradients of three layers, texts, labels, losses.
struct SmallTask {
  let training: GradientStore
  let queries: GradientStore
  let names = [
    "net.layers.0.weight", "net.layers.0.bias", "net.layers.1.weight", "head.weight",
  ]

  init(n: Int = 40, m: Int = 7, names: [String]? = nil) {
    let names = names ?? self.names
    let widths = [5, 3, 6, 4]
    func store(_ rows: Int, _ seed: UInt64, _ name: String) -> GradientStore {
      var generator = SeededGenerator(seed: seed)
      return GradientStore(
        name: name,
        blocks: zip(names, widths).map { block, width in
          let elements = (0..<rows * width).map { _ in Float(generator.normal()) }
          return (block, [width], Matrix(rows: rows, columns: width, elements: elements))
        })
    }
    training = store(n, 1, "train")
    queries = store(m, 2, "query")
  }

  /// The same whose losses are not known to be those of labels.
  var unclear: ReportRequest {
    var request = request
    request.trainingExamples.lossesTellPredictions = false
    request.queryExamples.lossesTellPredictions = false
    return request
  }

  var request: ReportRequest {
    var examples = ReportExamples()
    let nouns = ["film", "plot", "cast", "score", "scene"]
    let verdicts = ["dull", "witty", "tender", "loud", "long", "brisk", "odd"]
    examples.texts = (0..<training.count).map {
      "the \(nouns[$0 % 5]) is \(verdicts[$0 % 7]) and \(verdicts[($0 / 3) % 7])"
    }
    examples.labels = (0..<training.count).map { $0 % 3 == 0 ? "good" : "bad" }
    examples.losses = (0..<training.count).map { Double($0 % 11) / 5 }
    examples.lossesTellPredictions = true
    var asked = ReportExamples()
    asked.texts = (0..<queries.count).map { "a \(verdicts[$0]) film with an odd \(nouns[$0 % 5])" }
    asked.labels = (0..<queries.count).map { $0 % 2 == 0 ? "good" : "bad" }
    asked.losses = (0..<queries.count).map { Double(($0 * 5) % 7) / 3 }
    asked.lossesTellPredictions = true
    var request = ReportRequest(
      title: "task", training: training, examples: examples, queries: queries)
    request.queryExamples = asked
    request.top = 5
    return request
  }

  static func contents(_ request: ReportRequest) throws -> ReportContents {
    var maker = try ReportMaker(request)
    var contents = try maker.contents()
    // What a clock and the system say is not the same twice.
    contents.trust.seconds = nil
    contents.trust.peakMemory = nil
    return contents
  }
}

@Suite("What a report says")
struct ReportMakerTests {
  @Test(
    "Losses tell predictions only where they are those of labels, and rank suspects in any case")
  func predictions() throws {
    let (clear, unclear) = (
      try SmallTask.contents(SmallTask().request), try SmallTask.contents(SmallTask().unclear)
    )
    #expect(clear.trust.contradicted != nil && unclear.trust.contradicted == nil)
    let shown = try #require(unclear.queries?.shown)
    #expect(shown.allSatisfy { $0.predicted == nil })
    #expect(try #require(clear.queries?.shown).contains { $0.predicted != nil })
    for contents in [clear, unclear] {
      #expect(try #require(contents.suspects).rankings.contains { $0.name == "loss" })
    }
  }

  @Test("hits, places, parts of layers and correlations are those of the whole scores")
  func naive() throws {
    let task = SmallTask()
    var request = task.request
    request.methods = [ExactFisher.name, DataInf.name, Cosine.name]
    let contents = try SmallTask.contents(request)
    let part = try #require(contents.queries)
    let curvature = try Curvature(
      fitting: [ExactFisher(), DataInf(), Cosine()], on: task.training)
    let scores = try curvature.scores(of: task.queries, perBlock: true)
    #expect(part.layers == ["layer 0", "layer 1", "head"])
    let losses = request.queryExamples.losses?.compactMap(\.self) ?? []
    #expect(
      part.shown.map(\.row) == losses.indices.sorted { (-losses[$0], $0) < (-losses[$1], $1) })
    #expect(part.shown.map(\.place) == Array(1...task.queries.count))
    for query in part.shown {
      for (method, result) in query.results.enumerated() {
        let row = Array(scores[method].values[row: query.row])
        let order = row.indices.sorted { (-row[$0], $0) < (-row[$1], $1) }
        #expect(result.helpful.map(\.example) == order.filter { row[$0] > 0 }.prefix(5).map(\.self))
        let worst = row.indices.sorted { (row[$0], $0) < (row[$1], $1) }
        #expect(result.harmful.map(\.example) == worst.filter { row[$0] < 0 }.prefix(5).map(\.self))
        #expect(result.histogram == ScoreHistogram(of: row))
        #expect(result.histogram.counts.reduce(0, +) == task.training.count)
        for hit in result.hits {
          #expect(hit.score == row[hit.example])
          for (other, place) in hit.places.enumerated() {
            let values = Array(scores[other].values[row: query.row])
            #expect(place == 1 + values.count { $0 > values[hit.example] })
          }
          // Sums of four numbers in another order.
          #expect(abs(hit.layers.reduce(0, +) - hit.score) <= 1e-12 * max(1, abs(hit.score)))
          let blocks = scores[method].shares?.values.map { $0[query.row, hit.example] } ?? []
          let expected = [blocks[0] + blocks[1], blocks[2], blocks[3]]
          for (found, value) in zip(hit.layers, expected) {
            #expect(abs(found - value) <= 1e-12 * max(1, abs(hit.score)))
          }
        }
        let exact = Array(scores[0].values[row: query.row])
        if method == 0 {
          #expect(result.correlation == nil)
        } else {
          let expected = try Correlation.spearman(row, exact)
          #expect(abs((result.correlation ?? 9) - expected) < 1e-12)
        }
      }
    }
    let agreement = try #require(contents.trust.agreement)
    let expected = try MethodAgreement(of: scores.map(\.values))
    for first in 0..<3 {
      for second in 0..<3 {
        #expect(
          abs((agreement.spearman[first][second] ?? 9) - expected.spearman[first, second]) < 1e-12)
        #expect(
          abs((agreement.topOverlap[first][second] ?? 9) - expected.topOverlap[first, second])
            < 1e-12)
      }
    }
  }

  @Test("places by words are those of all scores; known wrong labels are counted among the hits")
  func places() throws {
    let task = SmallTask()
    var request = task.request
    let flipped: Set = [3, 9, 21, 30]
    request.flipped = flipped
    let contents = try SmallTask.contents(request)
    let part = try #require(contents.queries)
    let index = LexicalIndex(of: request.trainingExamples.texts?.compactMap(\.self) ?? [])
    for query in part.shown {
      let scores = index.scores(for: query.example.text ?? "")
      for hit in query.results[0].hits {
        let score = scores[hit.example]
        #expect(hit.lexicalPlace == (score > 0 ? 1 + scores.count { $0 > score } : nil))
      }
    }
    let hits = part.shown.map { $0.results[0] }
    let (helpful, harmful) = (hits.flatMap(\.helpful), hits.flatMap(\.harmful))
    let shares = try #require(part.flippedShares)
    #expect(
      shares.helpful == Double(helpful.count { flipped.contains($0.example) })
        / Double(helpful.count))
    #expect(
      shares.harmful == Double(harmful.count { flipped.contains($0.example) })
        / Double(harmful.count))
    #expect(contents.suspects?.flippedCount == 4)
  }

  @Test("what has no data is left out, and its reason is told where work was asked for")
  func missing() throws {
    let task = SmallTask()
    let bare = ReportRequest(
      title: "bare", training: task.training, examples: ReportExamples(), queries: task.queries)
    let contents = try SmallTask.contents(bare)
    #expect(contents.suspects == nil && contents.duplicates == nil)
    let part = try #require(contents.queries)
    #expect(part.order == .store && part.flippedShares == nil && part.mistakes == nil)
    #expect(!part.hasRepresentations)
    #expect(part.shown.allSatisfy { $0.place == nil && $0.example == ShownTexts.Example() })
    #expect(
      part.shown[0].results[0].hits.allSatisfy { $0.lexicalPlace == nil && $0.sharesContent == nil }
    )
    let page = try ReportPage(contents).html()
    let body = Self.body(page)
    for absent in ["id=\"suspects\"", "id=\"duplicates\"", ">words ", ">meaning ", "Training loss"]
    {
      let isThere = body.contains(absent)
      #expect(!isThere, "\(absent)")
    }
    var alone = task.request
    alone.queries = nil
    alone.queryExamples = ReportExamples()
    let suspects = try SmallTask.contents(alone)
    #expect(suspects.queries == nil && suspects.suspects != nil)
    let isThere = Self.body(try ReportPage(suspects).html()).contains("id=\"queries\"")
    #expect(!isThere)
  }

  @Test("two pages of the same stores are the same bytes")
  func deterministic() throws {
    let request = SmallTask().request
    let first = try ReportPage(SmallTask.contents(request)).html()
    let isSame = try ReportPage(SmallTask.contents(request)).html() == first
    #expect(isSame)
  }

  @Test("some of many queries are scored, the hardest among them")
  func manyQueries() throws {
    let task = SmallTask(n: 20, m: 300)
    var request = ReportRequest(
      title: "many", training: task.training, examples: ReportExamples(), queries: task.queries)
    request.queryExamples.losses = (0..<300).map { Double($0) }
    request.shownQueries = 4
    request.methods = [DataInf.name]
    let part = try #require(try SmallTask.contents(request).queries)
    #expect(part.shown.map(\.row) == [299, 298, 297, 296] && part.total == 300)
    let curvature = try Curvature(fitting: [DataInf()], on: task.training)
    let scores = try curvature.scores(of: task.queries)[0]
    for query in part.shown {
      let largest = scores.values[row: query.row].max() ?? 0
      #expect(abs((query.results[0].helpful.first?.score ?? 0) - largest) <= 1e-6 * largest)
    }
  }

  /// A page without its style and script.
  static func body(_ page: String) -> Substring {
    page.split(separator: "<body>", maxSplits: 1)[1]
      .split(separator: "<script type=\"application/json\"", maxSplits: 1)[0]
  }
}

@Suite("Foreign text in a report")
struct HostileReportTests {
  private static let hostile = [
    "<script>alert(1)</script>", "\"><img src=x onerror=alert(1)>",
    "</script><script>alert(2)</script>",
    "\"\u{301} onmouseover=alert(3) x=\"", "{{title}} {{{style}}} {{#queries}}",
    "<!-- \u{202E}rtl \u{0} -->",
    "' onfocus=alert(4) autofocus='", "&lt;b&gt;", "</textarea></template><svg onload=alert(5)>",
  ]

  @Test("texts, labels, ids and names of blocks stay text")
  func stays() throws {
    let task = SmallTask(
      names: [
        "\"><img src=x onerror=alert(1)>.0.weight", "<script>alert(1)</script>.weight",
        "a.1.</script>", "head.\"\u{301} onload=alert(1)",
      ])
    var request = task.request
    request.title = Self.hostile[0]
    let count = task.training.count
    request.trainingExamples.texts = (0..<count).map { Self.hostile[$0 % 9] + " film \($0 / 9)" }
    request.trainingExamples.labels = (0..<count).map { Self.hostile[$0 % 2] }
    request.trainingExamples.ids = (0..<count).map { Self.hostile[$0 % 9] }
    request.queryExamples.texts = (0..<task.queries.count).map { Self.hostile[$0] }
    request.queryExamples.labels = (0..<task.queries.count).map { Self.hostile[$0 % 2] }
    request.command = ["influence", Self.hostile[5], "it's"]
    request.facts = [(Self.hostile[1], Self.hostile[2])]
    let contents = try SmallTask.contents(request)
    let page = try ReportPage(contents).html()
    for piece in ["<img", "<script>alert", "<svg onload", "<!--"] {
      let isThere = page.contains(piece)
      #expect(!isThere, "\(piece)")
    }
    // Only the two elements of the page itself.
    #expect(page.components(separatedBy: "<script").count == 3)
    #expect(page.components(separatedBy: "</script").count == 3)
    // Every quote that a value holds is a reference, so that quotes of attributes come in pairs.
    for tag in Self.tags(of: ReportMakerTests.body(page)) {
      #expect(tag.unicodeScalars.count { $0 == "\"" } % 2 == 0, "\(tag.prefix(200))")
      #expect(!tag.contains(" onmouseover=alert(3) x=\""))
    }
  }

  /// The tags of a page: from each `<` to the `>` that is outside of quotes.
  private static func tags(of page: Substring) -> [String] {
    var tags: [String] = []
    var tag: String.UnicodeScalarView?
    var isQuoted = false
    for scalar in page.unicodeScalars {
      if tag == nil, scalar == "<" { (tag, isQuoted) = (.init(), false) }
      guard tag != nil else { continue }
      tag?.append(scalar)
      if scalar == "\"" { isQuoted.toggle() }
      if scalar == ">", !isQuoted {
        tags.append(String(tag ?? .init()))
        tag = nil
      }
    }
    return tags
  }

  @Test("a hostile text's hit finds its way into the page as what it is")
  func shown() throws {
    var request = SmallTask().request
    request.trainingExamples.texts = request.trainingExamples.texts?.map { _ in Self.hostile[0] }
    let page = try ReportPage(SmallTask.contents(request)).html()
    let isThere = ReportMakerTests.body(page).contains("&lt;script&gt;alert(1)&lt;/script&gt;")
    #expect(isThere)
  }
}
