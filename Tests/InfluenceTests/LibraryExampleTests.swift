import Foundation
import InfluenceKit
import TestSupport
import Testing

// What stands between the two marks is the example of docs/library.md, without its imports.

// example: begin
/// The most helpful training example for each query, with what is known of the error.
func mostHelpful(train: URL, query: URL) throws -> [String] {
  let training = try GradientStore(opening: train)
  let queries = try GradientStore(opening: query)

  // Fit once: kernels, factorizations. Ask as often as you like.
  let curvature = try Curvature(fitting: [DataInf(), ExactFisher()], on: training)
  let scores = try curvature.scores(of: queries)
  let dataInf = scores[0]
  let exact = scores[1]

  // How far DataInf is from exact, said without looking at exact.
  guard let certificate = dataInf.certificate else { return [] }
  return try (0..<queries.count).map { query in
    let row = Array(dataInf.values[row: query])
    let best = try Ranking.topIndices(1, of: row)[0]
    let bound = certificate.errorBound(query: query, example: best)
    let error = abs(row[best] - exact.values[query, best])
    precondition(error <= bound * 1.001 + 1e-6 * abs(row[best]))
    return "query \(query): example \(best) scores \(row[best]) ± \(bound)"
  }
}
// example: end

@Suite("The example of docs/library.md")
struct LibraryExampleTests {
  @Test("runs on the small fixture")
  func runs() throws {
    let folder = try #require(
      Bundle.module.url(forResource: "Fixtures/small-lora", withExtension: nil))
    let lines = try mostHelpful(
      train: folder.appending(path: "train.safetensors"),
      query: folder.appending(path: "query.safetensors"))
    #expect(lines.count == 7)
    #expect(lines.allSatisfy { $0.contains("±") })
  }

  @Test("stands in the document as it is compiled here")
  func isQuoted() throws {
    let root = try #require(SharedData.packageRoot)
    let document = try String(
      contentsOf: root.appending(path: "docs/library.md"), encoding: .utf8)
    let source = try String(contentsOfFile: #filePath, encoding: .utf8)
    let pieces = source.components(separatedBy: "// example: begin\n")
    let code = try #require(pieces.last?.components(separatedBy: "// example: end").first)
    #expect(document.contains(code.trimmingCharacters(in: .newlines)))
  }
}
