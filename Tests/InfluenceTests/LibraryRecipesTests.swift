import Foundation
import InfluenceKit
import TestSupport
import Testing

// Each piece between two marks is a recipe of docs/library.md.

// recipe: begin
/// An example of your program: what is shown of it, and its gradient by each block.
struct Example {
  var id, text, label: String
  var loss: Double
  var gradients: [[Float]]
}

/// Writes a store of gradients, 64 examples at a time; called again after a crash, it goes on.
func write(_ examples: [Example], blocks: [(name: String, shape: [Int])], to folder: URL) throws {
  let manifest = folder.appending(path: "manifest.json")
  let writer =
    FileManager.default.fileExists(atPath: manifest.path)
    ? try GradientStoreWriter(resuming: folder)
    : try GradientStoreWriter(
      creating: folder, layout: BlockLayout(blocks), elementType: .bfloat16,
      provenance: ["model": "mine, step 300"])
  for first in stride(from: writer.count, to: examples.count, by: 64) {
    let batch = examples[first..<min(first + 64, examples.count)]
    let rows = writer.layout.blocks.enumerated().map { place, block in
      Matrix(
        rows: batch.count, columns: block.width, elements: batch.flatMap { $0.gradients[place] })
    }
    try writer.append(
      rows, ids: batch.map(\.id), losses: batch.map(\.loss), texts: batch.map(\.text),
      labels: batch.map(\.label))
    try writer.commit()
  }
  try writer.finish()
}
// recipe: end

// recipe: begin
/// The ids of the training examples that helped a query the most, with their scores.
func helpers(
  ofQuery query: Int, train: GradientStore, queries: GradientStore, method: String
) throws -> [(id: String, score: Double)] {
  let estimator = try EstimatorCatalog.estimator(method)  // "ekfac", "cg:tolerance=1e-3", …
  let options = CurvatureOptions(damping: .relative(0.1), memoryBudget: 4 << 30)
  let curvature = try Curvature(fitting: [estimator], on: train, options: options)
  let scores = try curvature.scores(of: queries[rows: query..<query + 1])[0]
  // Rows whose gradient is zero, a damping that is lost in rounding: said, and not thrown.
  for warning in scores.warnings { FileHandle.standardError.write(Data("\(warning)\n".utf8)) }
  let ids = try scores.exampleIDs()
  return try scores.top(5)[0].helpful.map { entry in
    (ids?[entry.example] ?? "row \(entry.example)", entry.score)
  }
}
// recipe: end

// recipe: begin
/// The labels to look at first: the ids of so many suspects, and in how many rankings each stands high.
func suspects(
  _ count: Int, train: GradientStore, queries: GradientStore, labels: [Int], queryLabels: [Int]
) throws -> [(id: String, rankings: Int)] {
  let suspects = try Suspects(
    in: train, queries: queries, labels: labels, queryLabels: queryLabels)
  let high = suspects.highCounts(amongFirst: count)
  let ids = try train.exampleIDs()
  return suspects.order.prefix(count).map { (ids?[$0] ?? "row \($0)", high[$0]) }
}
// recipe: end

// recipe: begin
/// Keeps a fit, and scores from it as often as you like without another pass over the training gradients to fit.
func scoreFromFit(
  train: GradientStore, queries: GradientStore, fit: URL, scores: URL
) throws -> ScoreSummary {
  try FitWriter(of: [ExactFisher()], on: train, to: fit).run()
  let curvature = try Curvature(opening: fit, on: train)
  return try curvature.score(queries, into: .array(at: scores))
}
// recipe: end

@Suite("The recipes of docs/library.md")
struct LibraryRecipesTests {
  private let blocks = [(name: "a", shape: [2, 3]), (name: "b", shape: [4])]

  private func examples(_ count: Int, seed: UInt64) -> [Example] {
    var generator = SeededGenerator(seed: seed)
    return (0..<count).map { row in
      Example(
        id: "id \(row)", text: "text \(row)", label: "\(row % 2)", loss: Double(row) / 8,
        gradients: [6, 4].map { width in (0..<width).map { _ in Float(generator.normal()) } })
    }
  }

  @Test("write a store with ids, texts and losses, and go on with one that a crash left")
  func writing() throws {
    let folder = try TemporaryDirectory()
    let all = examples(130, seed: 1)
    try write(all, blocks: blocks, to: folder.file("whole"))
    try write(Array(all.prefix(70)), blocks: blocks, to: folder.file("parts"))
    try write(all, blocks: blocks, to: folder.file("parts"))
    for name in ["gradients.bin", "examples.jsonl"] {
      let files = try ["whole", "parts"].map {
        try Data(contentsOf: folder.file($0).appending(path: name))
      }
      #expect(files[0] == files[1])
    }
    let store = try GradientStore(opening: folder.file("whole"))
    #expect(store.count == 130 && store.layout.columnCount == 10)
    #expect(try store.exampleIDs()?[129] == "id 129")
  }

  @Test("name helpers, and score the same from a kept fit")
  func scoring() throws {
    let folder = try TemporaryDirectory()
    try write(examples(40, seed: 2), blocks: blocks, to: folder.file("train"))
    try write(examples(3, seed: 3), blocks: blocks, to: folder.file("query"))
    let train = try GradientStore(opening: folder.file("train"))
    let queries = try GradientStore(opening: folder.file("query"))
    let found = try helpers(ofQuery: 2, train: train, queries: queries, method: "exact")
    let summary = try scoreFromFit(
      train: train, queries: queries, fit: folder.file("fit"), scores: folder.file("scores.npy"))
    let scores = try NumpyFile(opening: folder.file("scores.npy")).matrix(as: Float.self)
    let largest = scores[row: 2].enumerated().sorted { $0.element > $1.element }.prefix(5)
    #expect(found.map(\.id) == largest.map { "id \($0.offset)" })
    for (one, other) in zip(found, largest) {
      #expect(abs(one.score - Double(other.element)) <= 1e-5 * abs(one.score))
    }
    #expect(summary.bounds.count == 3)
  }

  @Test("name suspects")
  func suspecting() throws {
    let folder = try TemporaryDirectory()
    try write(examples(40, seed: 4), blocks: blocks, to: folder.file("train"))
    try write(examples(8, seed: 5), blocks: blocks, to: folder.file("query"))
    let found = try suspects(
      6, train: GradientStore(opening: folder.file("train")),
      queries: GradientStore(opening: folder.file("query")),
      labels: (0..<40).map { $0 % 2 }, queryLabels: (0..<8).map { $0 % 2 })
    #expect(found.count == 6 && found.allSatisfy { $0.id.hasPrefix("id ") && $0.rankings >= 0 })
  }

  @Test("stand in the document as they are compiled here")
  func areQuoted() throws {
    let root = try #require(SharedData.packageRoot)
    let document = try String(
      contentsOf: root.appending(path: "docs/library.md"), encoding: .utf8)
    let source = try String(contentsOfFile: #filePath, encoding: .utf8)
    let pieces = source.components(separatedBy: "\n// recipe: begin\n").dropFirst()
    #expect(pieces.count == 4)
    for piece in pieces {
      let recipe = try #require(piece.components(separatedBy: "\n// recipe: end").first)
      #expect(document.contains(recipe), "docs/library.md lacks \(recipe.prefix(80))…")
    }
  }
}
