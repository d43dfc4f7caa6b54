import InfluenceKit
import Reports
import Testing

@Suite("The opening of a report")
struct OpeningTests {
  private let contents: ReportContents

  init() throws {
    var request = SmallTask().request
    request.flipped = [3, 9, 21, 30]
    contents = try SmallTask.contents(request)
  }

  private func trust(_ change: (inout ReportContents) -> Void) -> String {
    var contents = contents
    // Nothing is known but what the change says.
    contents.trust.agreement = nil
    contents.trust.methods = []
    contents.queries?.steadiness = nil
    change(&contents)
    return OpeningText(of: contents).trust
  }

  private func agreement(_ value: Double) -> TrustPart.Agreement {
    TrustPart.Agreement(
      methods: ["one", "other"], spearman: [[1, value], [value, 1]],
      topOverlap: [[1, 0.5], [0.5, 1]], topCount: 4, exampleCount: 40, queryCount: 7)
  }

  @Test("what was asked counts texts, queries and mistakes")
  func asked() {
    let opening = OpeningText(of: contents)
    let mistakes = contents.queries?.mistakes?.count ?? 0
    #expect(
      opening.asked
        == "Which of 40 training texts helped, and which hurt, the model on 7 queries, \(mistakes) of which it gets wrong?"
    )
    #expect(opening.found.contains("4 wrong labels that you named"))
  }

  @Test("methods that do not agree are said in the sentence on trust")
  func agreement() {
    #expect(
      trust { $0.trust.agreement = agreement(0.1) }.contains("One and other hardly agree (ρ = .10)")
    )
    #expect(trust { $0.trust.agreement = agreement(0.5) }.contains("agree in part"))
    #expect(trust { $0.trust.agreement = agreement(0.9) }.contains("All methods agree (ρ ≥ .90)"))
    #expect(trust { $0.trust.agreement = agreement(-0.2) }.contains("ρ = −.20"))
  }

  @Test("scores that are not certain are said, and small bounds are praised")
  func accuracy() {
    func bound(_ value: Double) -> String {
      trust {
        $0.trust.methods = [.init(method: "one", errorBound: value, largestScore: 10)]
      }
    }
    #expect(bound(1e-6).contains("Scores are right to ±1.0·10⁻⁶"))
    #expect(bound(5).contains("certain to ±5.00 only, where the largest is 10.0"))
  }

  @Test("leading texts that other dampings would not have are said")
  func steadiness() {
    func steady(_ count: Int) -> String {
      trust { contents in
        contents.queries?.steadiness = (13, 15)
        for query in contents.queries?.shown.indices ?? 0..<0 {
          guard var result = contents.queries?.shown[query].results[0] else { continue }
          for place in result.helpful.indices { result.helpful[place].steadyAt = count }
          for place in result.harmful.indices { result.harmful[place].steadyAt = count }
          contents.queries?.shown[query].results[0] = result
        }
      }
    }
    #expect(steady(13).contains("100 % of the leading training texts stay"))
    #expect(steady(3).contains("nly 0 % of the leading training texts stay"))
  }

  @Test("rankings that do not find the wrong labels are said in what was found")
  func weakSuspects() {
    var contents = contents
    contents.suspects?.together?.areaUnderROC = 0.52
    #expect(
      OpeningText(of: contents).found.hasPrefix(
        "The rankings hardly find the wrong labels that you named (AUC .52, where ½ is chance)"))
    contents.suspects?.together?.areaUnderROC = 0.9
    #expect(OpeningText(of: contents).found.contains("look wrong"))
  }

  @Test("influence that is spread over all texts is said")
  func spread() {
    var contents = contents
    for query in contents.queries?.shown.indices ?? 0..<0 {
      contents.queries?.shown[query].results[0].hitShare = 0.26
    }
    // Ten cards of forty are a quarter.
    #expect(OpeningText(of: contents).found.contains("no few training texts stand out"))
  }
}
