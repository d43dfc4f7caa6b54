import Foundation
import InfluenceKit
import TestSupport
import Testing

// What stands between the two marks is the example of docs/library.md, without its imports.

// example: begin
/// Writes the scores of all queries, and tells which five training examples helped each query the most.
func mostHelpful(
  train: URL, query: URL, texts: [String], into folder: URL
) throws -> [String] {
  let training = try GradientStore(opening: train)
  let queries = try GradientStore(opening: query)

  // Fit once: kernels and factorizations. Ask as often as you like.
  let curvature = try Curvature(fitting: [DataInf()], on: training)

  // As many queries are scored at a time as memory allows. Beside each file stands a record in JSON.
  let summary = try curvature.score(
    queries, into: .array(at: folder.appending(path: "scores.npy")))
  let table = folder.appending(path: "top.csv")
  try curvature.score(queries, into: .top(5, at: table))

  return try (0..<queries.count).flatMap { query in
    // The most that a score of this query can differ from the exact one, known without the exact one.
    let bound = summary.bounds[query]
    return try TopTable(at: table, query: query).helpful.map { entry in
      "query \(query): \(entry.id), '\(texts[entry.example])', scores \(entry.score) ± \(bound)"
    }
  }
}
// example: end

@Suite("The example of docs/library.md")
struct LibraryExampleTests {
  @Test("runs on a store with ids, and the bounds that it tells of hold")
  func runs() throws {
    let fixture = try #require(
      Bundle.module.url(forResource: "Fixtures/small-lora", withExtension: nil))
    let train = fixture.appending(path: "train.safetensors")
    let query = fixture.appending(path: "query.safetensors")
    let folder = try TemporaryDirectory()
    let store = folder.file("train")
    let training = try GradientStore(opening: train)
    try write(training, ids: (0..<training.count).map { "id \($0)" }, to: store)
    let texts = (0..<training.count).map { "text \($0)" }

    let lines = try mostHelpful(train: store, query: query, texts: texts, into: folder.url)

    let queries = try GradientStore(opening: query)
    #expect(lines.count == 5 * queries.count && queries.count == 7)
    let scores = try Curvature(fitting: [DataInf(), ExactFisher()], on: training)
      .scores(of: queries)
    let certificate = try #require(scores[0].certificate)
    for (row, top) in try scores[0].top(5).enumerated() {
      for (place, entry) in top.helpful.enumerated() {
        let bound = certificate.errorBound(query: row, example: entry.example)
        let error = abs(entry.score - scores[1].values[row, entry.example])
        #expect(error <= bound * 1.001 + 1e-6 * abs(entry.score))
        let line = lines[5 * row + place]
        #expect(
          line.hasPrefix(
            "query \(row): id \(entry.example), 'text \(entry.example)', scores \(Double(Float(entry.score))) ± "
          ))
      }
    }
    let written = try NumpyFile(opening: folder.file("scores.npy")).matrix(as: Float.self)
    #expect(written == Matrix<Float>(converting: scores[0].values))
    for record in ["scores.npy.json", "top.csv.json"] {
      #expect(
        try OrderedJSON(contentsOf: folder.file(record))["method"]?.string == "datainf")
    }
  }

  private func write(_ store: GradientStore, ids: [String], to url: URL) throws {
    let writer = try GradientStoreWriter(creating: url, layout: store.layout)
    try writer.append(
      store.layout.blocks.indices.map {
        Matrix(try store.rows(0..<store.count, of: $0, as: Float.self))
      }, ids: ids)
    try writer.commit()
    try writer.finish()
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
