import Foundation
import InfluenceKit
import TestSupport
import Testing

@Suite("influence gradients")
struct GradientsTests {
  let place: Workplace

  init() throws { place = try Workplace(inMemory: ()) }

  private let small = ["--train", "60", "--queries", "12", "--hidden", "6", "--epochs", "4"]

  private func gradients(_ model: String, _ options: [String] = []) throws -> String {
    try place.succeed(
      ["gradients", "--model", model, "--output", "g"] + small + options
    ).output
  }

  @Test(
    "Each model writes sound stores of its blocks, and which labels are wrong",
    arguments: [
      ("lora", 6, 2186), ("perceptron", 4, 6 * 65 + 10 * 7), ("softmax", 2, 650),
    ])
  func models(model: String, blocks: Int, columns: Int) throws {
    let output = try gradients(model)
    #expect(output.contains("60 training rows (12 labels flipped) and 12 queries"))
    #expect(output.contains("\(columns) columns in \(blocks) blocks"))
    for (name, rows) in [("train", 60), ("query", 12)] {
      #expect(try place.succeed(["verify", "g/\(name)"]).output.contains("sound, \(rows) rows"))
      let store = try GradientStore(opening: place.file("g/\(name)"))
      #expect(store.layout.count == blocks && store.layout.columnCount == columns)
      #expect(try store.exampleIDs()?.count == rows)
    }
    let flipped = try #require(try place.json("g/flipped.json")["flipped"]?.integers)
    #expect(flipped.count == 12 && Set(flipped).count == 12)
    #expect(flipped.allSatisfy { (0..<60).contains($0) })
    // The seed decides all.
    let bytes = try place.bytes("g/train/gradients.bin")
    try place.succeed(["gradients", "--model", model, "--output", "again", "--quiet"] + small)
    #expect(try place.bytes("again/train/gradients.bin") == bytes)
  }

  @Test(
    "Factors and second derivatives serve the methods that take them",
    arguments: ["empirical", "sampled"])
  func curvature(labels: String) throws {
    let output = try gradients("perceptron", ["--factors", labels, "--hessian"])
    #expect(
      output.contains("Kronecker factors (\(labels) labels), Hessian and Gauss–Newton matrix"))
    let store = try GradientStore(opening: place.file("g/train"))
    let stored = try #require(store.curvature)
    #expect(stored.metadata["fisher"] == labels && stored.metadata["examples"] == "60")
    #expect(Set(stored.kroneckerBlocks) == Set(store.layout.blocks.map(\.name)))
    #expect(stored.holds(.hessian) && stored.holds(.gaussNewton))
    for method in ["kfac", "ekfac", "exact-hessian", "exact-ggn"] {
      try place.succeed(
        [
          "score", "--train", "g/train", "--query", "g/query", "--method", method, "--output",
          "s.npy",
        ])
      let scores = try place.matrix("s.npy")
      #expect(scores.rows == 12 && scores.columns == 60)
      #expect(scores.elements.allSatisfy { $0.isFinite })
    }
  }

  @Test("Margins serve TRAK, with the probabilities beside them")
  func margins() throws {
    _ = try gradients("softmax", ["--margins"])
    let probabilities = try place.matrix("g/margins/train/probabilities.npy")
    #expect(probabilities.rows == 60)
    for p in probabilities.elements { #expect(p > 0 && p < 1) }
    try place.succeed([
      "score", "--train", "g/margins/train", "--query", "g/margins/query", "--method", "trak",
      "--output", "s.npy",
    ])
    #expect(try place.matrix("s.npy").columns == 60)
    // The margin's gradient is that of the loss over −(1 − p).
    let (loss, margin) = (
      try GradientStore(opening: place.file("g/train")),
      try GradientStore(opening: place.file("g/margins/train"))
    )
    let a: MatrixView<Double> = try loss.rows(0..<60, of: 0, as: Double.self)
    let b: MatrixView<Double> = try margin.rows(0..<60, of: 0, as: Double.self)
    var scaled = Matrix(b)
    scaled.scaleRows(by: probabilities.elements.map { $0 - 1 })
    // Both were rounded to singles.
    expectClose(scaled, Matrix(a), bound: .relative(4 * Double(Float.ulpOfOne)))
  }

  @Test("Members under dropout, the first without, make an ensemble")
  func members() throws {
    let output = try gradients("perceptron", ["--dropout-members", "3", "--dropout-max", "0.2"])
    #expect(output.contains("3 members with dropout rates 0, "))
    #expect(
      try place.bytes("g/members/0/train/gradients.bin") == place.bytes("g/train/gradients.bin"))
    #expect(
      try place.bytes("g/members/1/train/gradients.bin")
        != place.bytes("g/members/2/train/gradients.bin"))
    func score(_ options: [String]) throws -> Matrix<Double> {
      try place.succeed(["score", "--method", "hessian-free", "--output", "s.npy"] + options)
      return try place.matrix("s.npy")
    }
    let mean = try score(["--members", "g/members"])
    let record = try place.json("s.npy.json")
    #expect(record["members"]?.array?.count == 3)
    #expect(record["members"]?[1]?["weight"]?.number == 1 / 3.0)
    var expected = Matrix<Double>.zeros(12, 60)
    for member in 0..<3 {
      let folder = "g/members/\(member)"
      let own = try score(["--train", "\(folder)/train", "--query", "\(folder)/query"])
      expected = Naive.sum(expected, own, scale: 1 / 3.0)
    }
    expectClose(mean, expected, bound: .relative(4 * Double(Float.ulpOfOne)))
    try place.succeed(["self", "--members", "g/members", "--method", "exact", "--output", "o.npy"])
    #expect(try place.matrix("o.npy").elements.count == 60)
  }

  @Test("Checkpoints, the last of them the trained model, weighted by the learning rate")
  func checkpoints() throws {
    let output = try gradients("perceptron", ["--checkpoints", "2"])
    #expect(output.contains("--checkpoint g/checkpoints/epoch-2:0.002"))
    #expect(
      try place.bytes("g/checkpoints/epoch-4/train/gradients.bin")
        == place.bytes("g/train/gradients.bin"))
    func score(_ options: [String]) throws -> Matrix<Double> {
      try place.succeed(["score", "--method", "hessian-free", "--output", "s.npy"] + options)
      return try place.matrix("s.npy")
    }
    let both = try score([
      "--checkpoint", "g/checkpoints/epoch-2:0.25", "--checkpoint", "g/checkpoints/epoch-4",
    ])
    func alone(_ epoch: Int) throws -> Matrix<Double> {
      let folder = "g/checkpoints/epoch-\(epoch)"
      return try score(["--train", "\(folder)/train", "--query", "\(folder)/query"])
    }
    let expected = Naive.sum(try alone(4), try alone(2), scale: 0.25)
    expectClose(both, expected, bound: .relative(4 * Double(Float.ulpOfOne)))
    // The segments of the training, whose times the optimizers say.
    let epochs = [2, 4].map { "g/checkpoints/epoch-\($0)" }
    let told = try place.succeed(
      ["score", "--method", "source", "--output", "t.npy"]
        + epochs.flatMap { ["--checkpoint", $0] }
    ).output
    #expect(told.contains("over 2 segments"))
    let record = try place.json("t.npy.json")
    let times = try #require(record["members"]?.array).compactMap { $0["time"]?.number }
    #expect(times.count == 2)
    try place.succeed(
      ["score", "--method", "source", "--output", "u.npy"]
        + zip(epochs, times).flatMap { ["--checkpoint", "\($0):\($1)"] })
    #expect(try place.matrix("t.npy") == place.matrix("u.npy"))
  }

  @Test("Records name what methods read beside gradients, with checksums")
  func inputs() throws {
    _ = try gradients("perceptron")
    let words = ["--train", "g/train", "--output", "s.npy", "--method"]
    func inputs(_ command: [String]) throws -> OrderedJSON? {
      try place.succeed(command + words + ["trackstar:queries=g/query,share=0.5"])
      return try place.json("s.npy.json")["inputs"]
    }
    let score = ["score", "--query", "g/query"]
    for command in [score, ["self"]] {
      let found = try #require(try inputs(command))
      #expect(
        found["optimizer"]?["path"]?.string?.hasSuffix("g/train/optimizer.safetensors") == true)
      #expect(found["optimizer"]?["crc32c"]?.string?.isEmpty == false)
      #expect(found["queries"]?["rows"]?.integer == 12)
    }
    try place.succeed(score + words + ["exact"])
    #expect(try place.json("s.npy.json")["inputs"] == nil)
    try place.succeed([
      "score", "--method", "less", "--output", "s.npy", "--checkpoint", "g:0.5",
    ])
    let member = try place.json("s.npy.json")["members"]?.array?.first
    #expect(member?["inputs"]?["optimizer"]?["crc32c"]?.string != nil)
  }

  @Test("A table with a column of classes")
  func table() throws {
    var generator = SeededGenerator(seed: 3)
    let lines = (0..<40).map { row in
      "\(generator.normal()),\(generator.normal() + Double(row % 2)),\(row % 2)"
    }
    try place.write("a,b,class\n" + lines.joined(separator: "\n") + "\n", to: "table.csv")
    let output = try place.succeed([
      "gradients", "--model", "softmax", "--data", "table.csv", "--label", "class", "--flip", "0",
      "--representations", "--output", "g",
    ]).output
    #expect(output.contains("32 training rows (0 labels flipped) and 8 queries × 6 columns"))
    // Softmax is its own last layer, at the minimum of the same loss: its gradients sum to −λΘ.
    let head = try #require(try Representations(opening: place.file("g/train")).head)
    let store = try GradientStore(opening: place.file("g/train"))
    let rows: MatrixView<Double> = try store.rows(0..<32, of: 0, as: Double.self)
    let mean = Matrix(rows).meanRow()
    let expected = (0..<2).flatMap { output in
      (0..<2).map { -head.regularization * head.weights[output, $0] }
    }
    expectClose(mean.elements, expected, bound: .absolute(32 * Double(Float.ulpOfOne)))
    for (words, status, piece) in [
      (["--data", "missing.csv", "--label", "class"], Int32(66), "missing.csv"),
      (["--data", "table.csv", "--label", "kind"], 65, "kind"),
      (["--data", "table.csv"], 64, "--label"),
      (["--checkpoints", "2"], 64, "--model perceptron"),
      (["--dropout-members", "2"], 64, "hidden units"),
      (["--epochs", "0"], 64, "--epochs 0"),
      (["--penalty", "0"], 65, "positive"),
    ] {
      let outcome = try place.run(["gradients", "--model", "softmax", "--output", "n"] + words)
      #expect(outcome.status == status, "\(outcome)")
      #expect(try #require(outcome.onlyError).contains(piece), "\(outcome)")
      #expect(!place.has("n"))
    }
    let again = try place.run(["gradients", "--model", "softmax", "--output", "g"])
    #expect(again.status == 73)
  }
}
