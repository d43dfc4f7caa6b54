import Foundation
import InfluenceKit
import LinearAlgebra
import OrderedCollections
import TestSupport
import Testing

@Suite("influence gradients of language models", .serialized)
struct ModelGradientsTests {
  let place: Workplace

  init() throws {
    place = try Workplace(inMemory: ())
    try TinyModels.trainOnReviews(in: place)
  }

  private func arguments(_ data: String = "train.jsonl", output: String = "train") -> [String] {
    [
      "gradients", "--model", "bert", "--adapter", "adapter", "--data", data, "--text", "sentence",
      "--label", "label", "--output", output,
    ]
  }

  private func store(_ name: String) throws -> GradientStore {
    try GradientStore(opening: place.file(name))
  }

  private func text(_ name: String) throws -> String {
    String(decoding: try place.bytes(name), as: UTF8.self)
  }

  /// The message of a run that must fail.
  private func refusal(_ arguments: [String]) throws -> String {
    let outcome = try place.run(arguments)
    #expect(outcome.status != 0)
    return outcome.errors
  }

  private func numbers(_ store: GradientStore) throws -> Matrix<Float> {
    var numbers = Matrix<Float>.zeros(store.count, store.layout.columnCount)
    for (index, block) in store.layout.blocks.enumerated() {
      let rows = try store.rows(0..<store.count, of: index, as: Float.self)
      numbers.place(rows, firstRow: 0, firstColumn: block.columns.lowerBound)
    }
    return numbers
  }

  /// Writes the first rows of a store, as a killed run leaves them.
  private func begin(
    _ name: String, as whole: GradientStore, rows: Int, provenance: [String: String]
  ) throws {
    let writer = try GradientStoreWriter(
      creating: place.file(name), layout: whole.layout, provenance: provenance)
    let first = Matrix(try numbers(whole).view[rows: 0..<rows])
    try writer.append(
      whole.layout.blocks.map { Matrix(first.view[columns: $0.columns]) },
      ids: (0..<rows).map(String.init))
    try writer.commit()
  }

  @Test("A store has the gradients of the library, with ids, texts, labels and losses beside them")
  func stores() throws {
    let output = try place.succeed(arguments()).output
    #expect(output.contains("train: gradients of the loss of 30 texts"))
    let checkpoint = try Checkpoint(opening: place.file("bert"))
    let adapter = try Adapter(opening: place.file("adapter"), for: checkpoint)
    let model = try LanguageModel(checkpoint, adapter: adapter)
    let examples = try TextExamples(
      reading: place.file("train.jsonl"), fields: TextFields(text: "sentence", label: "label"))
    let texts = try TextEncoding(
      of: examples, tokenizer: checkpoint.tokenizer(), checkpoint: checkpoint, labelCount: 2)
    let found = try store("train")
    #expect(found.layout == adapter.layout && found.count == 30)
    var rows: [[Float]] = []
    try model.forEachGradientBatch(of: texts.sequences, batchTokens: 40) { range, blocks, _ in
      for row in 0..<range.count { rows.append(blocks.flatMap { Array($0[row: row]) }) }
    }
    let stored: Matrix<Float> = try numbers(found)
    for (row, expected) in rows.enumerated() {
      let largest = expected.map(abs).max() ?? 0
      #expect(
        zip(stored[row: row], expected).allSatisfy { abs($0 - $1) <= 1e-5 * largest }, "row \(row)")
    }
    let losses = try model.losses(of: texts.sequences)
    let lines = try text("train/examples.jsonl").split(separator: "\n")
    for (row, line) in lines.enumerated() {
      let json = try OrderedJSON(parsing: Array(line.utf8), path: "examples.jsonl")
      #expect(json["text"]?.string == examples.texts[row])
      #expect(json["label"]?.string == examples.labels.map { "\($0[row])" })
      #expect(abs(try #require(json["loss"]?.number) - losses[row]) < 1e-5)
    }
  }

  @Test("Numbers are the same to the last bit on any number of threads")
  func threads() throws {
    try place.succeed(arguments(output: "one") + ["--threads", "1", "--memory", "1GB"])
    try place.succeed(arguments(output: "three") + ["--threads", "3", "--memory", "1GB"])
    #expect(try place.bytes("one/gradients.bin") == place.bytes("three/gradients.bin"))
  }

  @Test("A store that was begun is gone on with; another adapter's or other texts' is refused")
  func resuming() throws {
    try place.succeed(arguments(output: "whole"))
    let provenance = try #require(try place.json("whole/manifest.json")["provenance"]?.object)
    try begin(
      "begun", as: store("whole"), rows: 11,
      provenance: Dictionary(
        uniqueKeysWithValues: provenance.map { ($0.key, $0.value.string ?? "") }))
    try place.succeed(arguments(output: "begun"))
    #expect(try place.bytes("begun/gradients.bin") == place.bytes("whole/gradients.bin"))
    let refused = try refusal(arguments("query.jsonl", output: "whole"))
    #expect(refused.contains("whole") && refused.contains("its origin"))
  }

  @Test("Scores show the texts of the store, with no file of texts")
  func texts() throws {
    try place.succeed(arguments())
    try place.succeed(arguments("query.jsonl", output: "query"))
    let score = ["score", "--train", "train", "--query", "query", "--method", "datainf"]
    try place.succeed(score + ["--top", "2", "--output", "top.csv"])
    let table = try text("top.csv").split(separator: "\n")
    #expect(table[0].contains(",text"))
    let first = try OrderedJSON(
      parsing: Array(
        try text("train/examples.jsonl").split(separator: "\n")[0].utf8), path: "")
    try place.succeed(score + ["--output", "scores.npy"])
    let shown = try place.succeed(["top", "scores.npy", "--query", "0", "--count", "30"]).output
    #expect(shown.contains(try #require(first["text"]?.string)))
  }

  /// Each score from the written files alone.
  @Test("The optimizer's moments come from finetune, and less scores with them")
  func optimizer() throws {
    try place.succeed(
      arguments(output: "some") + ["--select-blocks", "*lora_B*"])
    try place.succeed(arguments("query.jsonl", output: "asked") + ["--select-blocks", "*lora_B*"])
    try place.succeed([
      "score", "--train", "some", "--query", "asked", "--method", "less", "--output", "less.npy",
    ])
    let moments = try #require(try OptimizerMoments(ifIn: place.file("some")))
    let whole = try #require(try OptimizerMoments(ifIn: place.file("adapter")))
    #expect(moments.rule == whole.rule && moments.rule.stepCount == 4)
    let (training, queries) = (try store("some"), try store("asked"))
    var steps = Matrix<Double>(converting: try numbers(training))
    for block in training.layout.blocks {
      let known = try moments.moments(ofBlock: block.name, width: block.width)
      #expect(try whole.moments(ofBlock: block.name, width: block.width) == known)
      for (place, column) in block.columns.enumerated() {
        for row in 0..<training.count {
          let g = steps[row, column]
          let m = 0.9 * known.first[place] + 0.1 * g
          let v = 0.999 * known.second[place] + 0.001 * g * g
          steps[row, column] =
            m / (1 - pow(0.9, 5)) / ((v / (1 - pow(0.999, 5))).squareRoot() + 1e-8)
        }
      }
    }
    let asked = Matrix<Double>(converting: try numbers(queries))
    let scores: Matrix<Double> = try NumpyFile(opening: place.file("less.npy")).matrix()
    for query in 0..<queries.count {
      for row in 0..<training.count {
        let expected =
          Naive.norm(Array(asked[row: query])) * Naive.norm(Array(steps[row: row]))
        let product = zip(asked[row: query], steps[row: row]).reduce(0) { $0 + $1.0 * $1.1 }
        #expect(abs(scores[query, row] - product / expected) < 1e-4)
      }
    }
    // Moments are of the loss.
    try place.succeed(arguments(output: "margins") + ["--measure", "margin"])
    #expect(!place.has("margins/optimizer.safetensors"))
    let error = try refusal([
      "score", "--train", "margins", "--query", "margins", "--method", "less", "--output", "o.npy",
    ])
    #expect(error.contains("influence finetune"))
  }

  @Test("Members of an ensemble under dropout lie as score takes them; the first drops nothing")
  func members() throws {
    try place.succeed(arguments())
    let options = ["--dropout-members", "3", "--dropout-max", "0.3", "--seed", "4"]
    try place.succeed(arguments(output: "members/train") + options)
    try place.succeed(arguments("query.jsonl", output: "members/query") + options)
    let plain = try place.bytes("train/gradients.bin")
    #expect(try place.bytes("members/0/train/gradients.bin") == plain)
    let others = try (1...2).map { try place.bytes("members/\($0)/train/gradients.bin") }
    #expect(others[0] != plain && others[1] != plain && others[0] != others[1])
    try place.succeed([
      "score", "--members", "members", "--method", "hessian-free", "--output", "s.npy",
    ])
  }

  @Test("Names of classes mean what they did when the adapter was trained")
  func namedClasses() throws {
    let words = [
      ("good film", "pos"), ("bad film", "neg"), ("fine plot", "pos"), ("dull plot", "neg"),
    ]
    func write(_ examples: [(String, String)], to name: String) throws {
      let lines = examples.map { "{\"sentence\": \"\($0.0)\", \"label\": \"\($0.1)\"}\n" }
      try place.write(lines.joined(), to: name)
    }
    try write(words, to: "named.jsonl")
    try write([words[0]], to: "one.jsonl")
    try place.succeed([
      "finetune", "--model", "bert", "--data", "named.jsonl", "--text", "sentence", "--label",
      "label", "--epochs", "1", "--output", "named",
    ])
    let adapter = ["--adapter", "named"]
    func changed(_ data: String, _ output: String) -> [String] {
      arguments(data, output: output).map { $0 == "adapter" ? adapter[1] : $0 }
    }
    try place.succeed(changed("named.jsonl", "all"))
    try place.succeed(changed("one.jsonl", "single"))
    let all = try numbers(store("all"))
    let single = try numbers(store("single"))
    let largest = single.elements.map(abs).max() ?? 0
    #expect(zip(all[row: 0], single[row: 0]).allSatisfy { abs($0 - $1) <= 1e-5 * largest })
    try FileManager.default.removeItem(at: place.file("named/training.json"))
    #expect(try refusal(changed("one.jsonl", "unknown")).contains("numbers from 0"))
  }

  @Test("Measures other than the loss, and narrower numbers")
  func measures() throws {
    try place.succeed(arguments(output: "margin") + ["--measure", "margin"])
    try place.succeed(arguments(output: "logit") + ["--measure", "logit", "--dtype", "bfloat16"])
    #expect(try store("logit").elementTypes.allSatisfy { $0 == .bfloat16 })
    let margin = try place.json("margin/manifest.json")["provenance"]?["measure"]?.string
    #expect(margin == "margin")
  }

  @Test("Representations lie beside gradients, and the methods on them score such stores")
  func representations() throws {
    let options = ["--representations", "--penalty", "0.05"]
    let output = try place.succeed(arguments() + options).output
    #expect(output.contains("train/representations.safetensors: what the last layer reads"))
    try place.succeed(arguments("query.jsonl", output: "query") + options)
    let training = try Representations(opening: place.file("train"))
    let labels = try TextExamples(
      reading: place.file("train.jsonl"), fields: TextFields(text: "sentence", label: "label")
    ).labels
    #expect(training.features.rows == 30 && training.features.columns == 16)
    #expect(training.labels == labels && training.head?.regularization == 0.05)
    for method in ["rps", "knn-shapley:k=3", "similarity"] {
      try place.succeed([
        "score", "--train", "train", "--query", "query", "--method", method, "--output", "s.npy",
      ])
      let library = try #require(try RepresentationCatalog.method(method))
      let expected = try library.scores(
        of: Representations(opening: place.file("query")), on: training
      ).values
      expectClose(
        try place.matrix("s.npy"), expected, bound: .relative(Double(Float.ulpOfOne)))
    }
    try place.succeed(["self", "--train", "train", "--method", "rps", "--output", "o.npy"])
    try place.succeed([
      "compare", "--train", "train", "--query", "query", "--methods",
      "rps,knn-shapley,similarity,datainf", "--output", "run",
    ])
  }

  @Test("A store gets the representations that it lacks, as if it had begun with them")
  func laterRepresentations() throws {
    try place.succeed(arguments(output: "whole") + ["--representations"])
    try place.succeed(arguments(output: "begun"))
    let provenance = try #require(try place.json("begun/manifest.json")["provenance"]?.object)
    let gradients = try place.bytes("begun/gradients.bin")
    try place.succeed(arguments(output: "begun") + ["--representations"])
    #expect(try place.bytes("begun/gradients.bin") == gradients)
    try begin(
      "killed", as: store("whole"), rows: 13,
      provenance: Dictionary(
        uniqueKeysWithValues: provenance.map { ($0.key, $0.value.string ?? "") }))
    try place.succeed(arguments(output: "killed") + ["--representations"])
    let whole = try place.bytes("whole/representations.safetensors")
    for name in ["begun", "killed"] {
      #expect(try place.bytes("\(name)/representations.safetensors") == whole)
      #expect(try place.json("\(name)/manifest.json")["complete"]?.boolean == true)
      try place.succeed(["verify", name])
    }
  }

  @Test(
    "Kronecker factors lie beside gradients, and kfac and ekfac score such stores",
    arguments: ["empirical", "sampled"])
  func factors(labels: String) throws {
    let output = try place.succeed(arguments() + ["--factors", labels, "--seed", "3"]).output
    #expect(output.contains("train/curvature.safetensors: Kronecker factors of 10 blocks"))
    try place.succeed(arguments("query.jsonl", output: "query"))
    let opened = try store("train")
    let curvature = try #require(opened.curvature)
    #expect(curvature.metadata["fisher"] == labels && curvature.metadata["examples"] == "30")
    let checkpoint = try Checkpoint(opening: place.file("bert"))
    let adapter = try Adapter(opening: place.file("adapter"), for: checkpoint)
    let model = try LanguageModel(checkpoint, adapter: adapter)
    let examples = try TextExamples(
      reading: place.file("train.jsonl"), fields: TextFields(text: "sentence", label: "label"))
    let texts = try TextEncoding(
      of: examples, tokenizer: checkpoint.tokenizer(), checkpoint: checkpoint, labelCount: 2
    ).sequences
    let expected = try model.kroneckerFactors(
      of: texts, labels: labels == "sampled" ? .sampled(seed: 3) : .empirical)
    for (block, factors) in zip(opened.layout.blocks, expected.map(\.factors)) {
      let found = try curvature.kroneckerFactors(of: block)
      let bound = Bound.relative(1e-5)
      expectClose(found.activations, factors.activations, bound: bound)
      expectClose(found.outputGradients, factors.outputGradients, bound: bound)
      #expect((found.eigenvalues == nil) == (labels == "empirical"))
    }
    try place.succeed([
      "compare", "--train", "train", "--query", "query", "--methods", "kfac,ekfac,exact",
      "--output", "run",
    ])
    // The mean of a·aᵀ and s·sᵀ over tokens stands for the mean of g·gᵀ: alike, and not the same.
    let methods = try #require(try place.json("run/run.json")["methods"]?.array)
    for method in methods.prefix(2) {
      let residual = try #require(method["relative_residual_median"]?.number)
      #expect(residual > 1e-3 && residual < 10, "\(residual)")
    }
  }

  @Test("A store gets the factors that it lacks, the same bytes as if it had begun with them")
  func laterFactors() throws {
    let options = ["--factors", "sampled"]
    try place.succeed(arguments(output: "whole") + options + ["--representations"])
    try place.succeed(arguments(output: "begun"))
    let provenance = try #require(try place.json("begun/manifest.json")["provenance"]?.object)
    try place.succeed(arguments(output: "begun") + options)
    try begin(
      "killed", as: store("whole"), rows: 7,
      provenance: Dictionary(
        uniqueKeysWithValues: provenance.map { ($0.key, $0.value.string ?? "") }))
    try place.succeed(arguments(output: "killed") + options + ["--threads", "1"])
    let whole = try place.bytes("whole/curvature.safetensors")
    for name in ["begun", "killed"] {
      #expect(try place.bytes("\(name)/curvature.safetensors") == whole)
      #expect(!place.has("\(name)/representations.safetensors"))
    }
    try place.succeed(["verify", "whole"])
  }

  @Test("Gradients of some blocks are those columns of all, and so are their factors")
  func someBlocks() throws {
    try place.succeed(arguments() + ["--factors", "empirical"])
    let options = ["--select-blocks", "*.layer.1.*.lora_B.*", "--select-blocks", "*classifier*"]
    let output = try place.succeed(
      arguments(output: "some") + options + ["--factors", "empirical"]
    ).output
    let (all, some) = (try store("train"), try store("some"))
    #expect(output.contains("in 4 blocks"))
    #expect(
      some.layout.blocks.map(\.name)
        == all.layout.blocks.map(\.name).filter {
          $0.contains("classifier") || $0.contains("layer.1.") && $0.contains("lora_B")
        })
    let whole = try numbers(all)
    let part = try numbers(some)
    for block in some.layout.blocks {
      let twin = try #require(all.layout.blocks.first { $0.name == block.name })
      #expect(
        Matrix(part.view[columns: block.columns]) == Matrix(whole.view[columns: twin.columns]))
      let factors = try [some, all].map { try #require($0.curvature).kroneckerFactors(of: block) }
      #expect(factors[0].activations == factors[1].activations)
      #expect(factors[0].outputGradients == factors[1].outputGradients)
    }
    try place.succeed(arguments("query.jsonl", output: "query") + options)
    try place.succeed([
      "score", "--train", "some", "--query", "query", "--method", "kfac", "--output", "s.npy",
    ])
    let other = try refusal(arguments(output: "some"))
    #expect(other.contains("its blocks"))
  }

  @Test("Texts that go on have no classes: similarity takes them, methods on classes refuse them")
  func causalRepresentations() throws {
    try TinyModels.writeLlama(to: "llama", in: place)
    try place.write(try TinyModels.answers(), to: "answers.jsonl")
    let data = ["--data", "answers.jsonl", "--prompt", "prompt", "--text", "answer"]
    try place.succeed(
      ["finetune", "--model", "llama", "--epochs", "1", "--output", "going-on"] + data)
    let output = try place.succeed(
      [
        "gradients", "--model", "llama", "--adapter", "going-on", "--output", "answers",
        "--representations", "--factors", "sampled",
      ] + data
    ).output
    #expect(output.contains("no classes"))
    let score = ["score", "--train", "answers", "--query", "answers", "--output", "s.npy"]
    for method in ["kfac", "ekfac"] { try place.succeed(score + ["--method", method]) }
    try place.succeed(score + ["--method", "similarity"])
    let scores = try place.matrix("s.npy")
    #expect((0..<8).allSatisfy { abs(scores[$0, $0] - 1) < 1e-6 })
    for method in ["rps", "knn-shapley"] {
      let refused = try refusal(score + ["--method", method])
      #expect(refused.contains("no classes") && refused.contains("similarity"), "\(refused)")
    }
  }

  @Test(
    "What cannot be is refused before a store is begun",
    arguments: [
      (["--adapter", "nowhere"], "nowhere"),
      (["--data", "nowhere.jsonl"], "nowhere.jsonl"),
      (["--text", "words"], "words"),
      (["--label", "class"], "class"),
      (["--model", "nothing"], "nothing"),
      (["--max-length", "100000"], "100000"),
      (["--memory", "1kB"], "memory"),
      (["--hessian"], "--hessian"),
      (["--train", "5"], "--train"),
      (["--flip", "0.3"], "--flip"),
      (["--epochs", "3"], "--epochs"),
      (["--select-blocks", "*.lora_C.*"], "lora_C"),
      (["--penalty", "0.5"], "--representations"),
      (["--representations", "--penalty", "0"], "--penalty"),
      (["--representations", "--dropout-members", "2"], "--dropout-members"),
      (["--factors", "empirical", "--dropout-members", "2"], "--dropout-members"),
      (["--factors", "sampled", "--measure", "margin"], "--measure"),
    ])
  func refusals(_ options: [String], _ part: String) throws {
    var changed = arguments(output: "refused")
    for (name, value) in zip(options, options.dropFirst()) {
      if let index = changed.firstIndex(of: name) { changed[index + 1] = value }
    }
    if !changed.contains(options[0]) { changed += options }
    let message = try refusal(changed)
    #expect(message.contains(part), "\(message)")
    #expect(!place.has("refused"))
  }
}
