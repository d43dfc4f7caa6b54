import Foundation
import InfluenceKit
import TestSupport
import Testing

@Suite("influence finetune", .serialized)
struct FinetuneTests {
  let place: Workplace

  init() throws {
    place = try Workplace(inMemory: ())
    try TinyModels.writeBERT(to: "bert", in: place)
    try place.write(try TinyModels.reviews(64, seed: 1), to: "train.jsonl")
    try place.write(try TinyModels.reviews(40, seed: 2), to: "test.jsonl")
  }

  private static let texts = [
    "finetune", "--model", "bert", "--data", "train.jsonl", "--text", "sentence", "--label",
    "label",
    "--output", "a",
  ]
  private static let fast = ["--learning-rate", "1e-2", "--batch", "8", "--dropout", "0"]

  private func opened(_ name: String, model: String = "bert") throws -> Adapter {
    try Adapter(opening: place.file(name), for: Checkpoint(opening: place.file(model)))
  }

  @Test("A classifier learns, says what each epoch came to, and is an adapter of its model")
  func classifier() throws {
    let output = try place.succeed(
      Self.texts + Self.fast + ["--epochs", "12", "--test", "test.jsonl", "--checkpoints", "3"]
    ).output
    #expect(output.contains("64 texts, 12 epochs of 8 steps"))
    let record = try place.json("a/training.json")
    let epochs = try #require(record["epochs"]?.array)
    #expect(epochs.count == 12)
    let losses = epochs.compactMap { $0["loss"]?.number }
    #expect(try #require(losses.last) < 0.5 * losses[0])
    #expect(try #require(epochs[11]["held_out"]?["accuracy"]?.number) > 0.9)
    #expect(record["labels"]?.strings == ["0", "1"] && record["steps"]?.integer == 96)
    let adapter = try opened("a")
    // Queries and values of two layers, and the classifier.
    #expect(adapter.modules.count == 4 && adapter.tensors.map(\.name).contains("classifier.bias"))
    #expect(record["parameters"]?.integer == adapter.layout.columnCount)
    #expect(
      try place.names() == ["a", "bert", "test.jsonl", "train.jsonl"])
    #expect(
      try FileManager.default.contentsOfDirectory(atPath: place.file("a").path).sorted() == [
        "adapter_config.json", "adapter_model.safetensors", "checkpoint-1", "checkpoint-2",
        "checkpoint-3", "optimizer.safetensors", "training.json",
      ])
    var sum = 0.0
    for number in 1...3 {
      let json = try place.json("a/checkpoint-\(number)/checkpoint.json")
      #expect(json["step"]?.integer == 32 * number && json["number"]?.integer == number)
      sum += try #require(json["segment_learning_rate"]?.number)
      #expect(try opened("a/checkpoint-\(number)").layout == adapter.layout)
    }
    let schedule = LearningRateSchedule(peak: 1e-2, stepCount: 96, warmup: 0.06)
    #expect(abs(sum - (0..<96).map(schedule.rate).reduce(0, +)) < 1e-12)
    #expect(
      try place.bytes("a/checkpoint-3/adapter_model.safetensors")
        == place.bytes("a/adapter_model.safetensors"))
    #expect(
      try place.bytes("a/checkpoint-1/adapter_model.safetensors")
        != place.bytes("a/adapter_model.safetensors"))
    for (folder, steps) in [("a/checkpoint-1", 32), ("a/checkpoint-3", 96), ("a", 96)] {
      let moments = try #require(try OptimizerMoments(ifIn: place.file(folder)))
      #expect(moments.rule.stepCount == steps && moments.rule.epsilon == 1e-8)
      let block = adapter.layout.blocks[0]
      let found = try moments.moments(ofBlock: block.name, width: block.width)
      #expect(found.second.contains { $0 > 0 })
    }
  }

  @Test("The bytes are the same on any number of threads, and others with another seed")
  func threads() throws {
    func bytes(_ options: [String]) throws -> [Data] {
      try place.succeed(Self.texts + ["--epochs", "2", "--quiet"] + options)
      defer { try? FileManager.default.removeItem(at: place.file("a")) }
      return try ["a/adapter_model.safetensors", "a/training.json"].map { try place.bytes($0) }
    }
    let one = try bytes(["--threads", "1"])
    #expect(try bytes(["--threads", "3"]) == one)
    #expect(try bytes(["--memory", "1kB"]) == one)
    #expect(try bytes(["--seed", "1"])[0] != one[0])
  }

  @Test("Wrong labels are as many as asked for, and stand in the files that say so")
  func flips() throws {
    let output = try place.succeed(
      Self.texts + ["--epochs", "1", "--flip", "0.25", "--hold-out", "0.25"]
    ).output
    #expect(output.contains("48 texts (12 labels flipped)"))
    let flipped = try #require(try place.json("a/flipped.json")["flipped"]?.integers)
    #expect(flipped.count == 12)
    let fields = TextFields(text: "sentence", label: "label", id: "id")
    let learnt = try TextExamples(reading: place.file("a/train.jsonl"), fields: fields)
    let all = try TextExamples(
      reading: place.file("train.jsonl"), fields: TextFields(text: "sentence", label: "label"))
    #expect(learnt.count == 48)
    let labels = try #require(all.labels)
    for (place, id) in learnt.ids.enumerated() {
      let row = try #require(Int(id))
      #expect(learnt.texts[place] == all.texts[row])
      #expect((learnt.labels?[place] != labels[row]) == flipped.contains(place))
    }
    // What was learnt, learnt again, is the same adapter.
    let again = Self.texts.map { $0 == "train.jsonl" ? "a/train.jsonl" : $0 == "a" ? "b" : $0 }
    try place.succeed(again + ["--epochs", "1", "--quiet"])
    #expect(
      try place.bytes("b/adapter_model.safetensors") == place.bytes("a/adapter_model.safetensors"))
    #expect(!place.has("b/train.jsonl") && !place.has("b/flipped.json"))
  }

  @Test("A classifier that the checkpoint has keeps its names of classes")
  func names() throws {
    try TinyModels.writeBERT(to: "named", in: place, labels: ["pro", "con"])
    try place.write("sentence,label\ngood film,pro\nbad film,con\n", to: "table.csv")
    func words(_ model: String, _ data: String) -> [String] {
      [
        "finetune", "--model", model, "--data", data, "--text", "sentence", "--label", "label",
        "--epochs", "1", "--quiet", "--output", "\(model)-\(data)",
      ]
    }
    try place.succeed(words("named", "table.csv"))
    #expect(try place.json("named-table.csv/training.json")["labels"]?.strings == ["pro", "con"])
    // A new one takes them in alphabetical order.
    try place.succeed(words("bert", "table.csv"))
    #expect(try place.json("bert-table.csv/training.json")["labels"]?.strings == ["con", "pro"])
    try place.write("sentence,label\ngood film,yes\n", to: "others.csv")
    let outcome = try place.run(words("named", "others.csv"))
    #expect(outcome.status == 65)
    #expect(
      try #require(outcome.onlyError).contains(
        "\"yes\" where one of the 2 classes \"pro\", \"con\"")
        || outcome.errors.contains("one of the 2 classes \"pro\", \"con\""))
  }

  @Test("A language model learns answers after prompts, or the classifier's part is trained alone")
  func others() throws {
    try TinyModels.writeLlama(to: "llama", in: place)
    try place.write(try TinyModels.answers(), to: "answers.jsonl")
    try place.succeed([
      "finetune", "--model", "llama", "--data", "answers.jsonl", "--prompt", "prompt", "--text",
      "answer", "--targets", "all-linear", "--epochs", "40", "--learning-rate", "2e-2", "--dropout",
      "0", "--max-length", "12", "--output", "l",
    ])
    let record = try place.json("l/training.json")
    let losses = try #require(record["epochs"]?.array).compactMap { $0["loss"]?.number }
    #expect(try #require(losses.last) < 0.5 * losses[0])
    #expect(record["labels"]?.array?.isEmpty == true)
    #expect(try opened("l", model: "llama").modules.count == 14)
    try place.succeed(Self.texts + Self.fast + ["--targets", "none", "--epochs", "3"])
    let head = try opened("a")
    #expect(
      head.modules.isEmpty && head.tensors.map(\.name) == ["classifier.weight", "classifier.bias"])
  }

  @Test("What cannot be is refused before anything is written")
  func refused() throws {
    try TinyModels.writeLlama(to: "llama", in: place)
    try place.write("", to: "empty.jsonl")
    func words(_ changes: [String: String], _ more: [String] = []) -> [String] {
      Self.texts.map { changes[$0] ?? $0 } + more
    }
    for (line, status, pieces) in [
      (words(["bert": "none"]), Int32(66), ["none"]),
      (words(["train.jsonl": "none.jsonl"]), 66, ["none.jsonl"]),
      (words(["train.jsonl": "empty.jsonl"]), 65, ["empty.jsonl", "no rows"]),
      (words(["sentence": "text"]), 65, ["row 0", "\"text\"", "\"sentence\", \"label\""]),
      (words(["bert": "llama"]), 64, ["llama", "--prompt"]),
      (words(["--label": "--id"]), 64, ["bert", "--label"]),
      (words([:], ["--prompt", "p"]), 64, ["--label", "--prompt"]),
      (words([:], ["--targets", "queri"]), 65, ["queri"]),
      (words([:], ["--max-length", "17"]), 65, ["17", "16"]),
      (words([:], ["--max-length", "2"]), 65, ["2 tokens", "row 0"]),
      (words([:], ["--rank", "0"]), 64, ["--rank"]),
      (words([:], ["--checkpoints", "99"]), 65, ["checkpoints", "20 steps"]),
      (words([:], ["--learning-rate", "0"]), 65, ["learning rate"]),
      (words([:], ["--warmup", "1"]), 65, ["rising"]),
      (words([:], ["--dropout", "1"]), 65, ["dropout"]),
      (words([:], ["--flip", "2"]), 65, ["flipped fraction"]),
      (words([:], ["--hold-out", "1"]), 65, ["held-out share"]),
      (words([:], ["--hold-out", "0.5", "--test", "test.jsonl"]), 64, ["--hold-out"]),
      (words(["a": "bert/a"]), 64, ["bert/a", "input"]),
      (words([:], ["--loss-on", "answer"]), 64, ["--loss-on"]),
      (
        words(["--label": "--prompt", "label": "sentence", "bert": "llama"], ["--flip", "0.1"]), 64,
        ["--flip"]
      ),
      (
        words(
          ["--label": "--prompt", "label": "sentence", "bert": "llama"], ["--max-length", "3"]), 65,
        ["nothing that is to be predicted"]
      ),
    ] {
      let outcome = try place.run(line)
      #expect(outcome.status == status, "\(line)\n\(outcome)")
      let error = outcome.onlyError ?? ""
      for piece in pieces { #expect(error.contains(piece), "\(line)\n\(outcome)") }
      #expect(!place.has("a") && !place.has("a.part"), "\(line)")
    }
  }

  @Test("An encoder without a pooler gets one, which is trained and kept with the classifier")
  func pooler() throws {
    try TinyModels.writeBERT(to: "bare", in: place) { $0.part == .body }
    let words = Self.texts.map { $0 == "bert" ? "bare" : $0 }
    let outcome = try place.succeed(words + Self.fast + ["--epochs", "12", "--test", "test.jsonl"])
    #expect(outcome.errorLines.count == 1, "\(outcome)")
    #expect(outcome.errors.contains("has no bert.pooler.dense"), "\(outcome)")
    let record = try place.json("a/training.json")
    let last = try #require(record["epochs"]?.array?.last)
    #expect(try #require(last["held_out"]?["accuracy"]?.number) > 0.9)
    let adapter = try opened("a", model: "bare")
    #expect(
      Set(adapter.tensors.map(\.name)) == [
        "bert.pooler.dense.weight", "bert.pooler.dense.bias", "classifier.weight",
        "classifier.bias",
      ])
    // An adapter of the same model with a pooler says nothing of it.
    try place.succeed(Self.texts.map { $0 == "a" ? "b" : $0 } + ["--epochs", "1", "--quiet"])
    let gradients = [
      "gradients", "--model", "bare", "--data", "test.jsonl", "--text", "sentence", "--label",
      "label", "--quiet",
    ]
    let refused = try place.run(gradients + ["--adapter", "b", "--output", "g"])
    #expect(refused.status == 65)
    let error = try #require(refused.onlyError)
    #expect(error.contains("bert.pooler.dense.weight") && error.contains("give an adapter"))
    try place.succeed(gradients + ["--adapter", "a", "--output", "g"])
  }

  @Test("A training that diverges says where, and leaves nothing behind")
  func divergence() throws {
    let outcome = try place.run(
      Self.texts + ["--learning-rate", "1e38", "--epochs", "3", "--clip", "0", "--warmup", "0"])
    #expect(outcome.status == 65)
    #expect(try #require(outcome.onlyError).contains("lower --learning-rate"))
    #expect(outcome.errors.contains("--clip"))
    #expect(!place.has("a") && !place.has("a.part"))
  }

  @Test(
    "A killed training goes on with --resume to the same bytes, and nothing else takes its place")
  func kills() throws {
    let words = Self.texts.map { $0.hasSuffix(".jsonl") || $0 == "bert" ? "../\($0)" : $0 }
    let slow = ["--epochs", "12", "--hold-out", "0.2", "--checkpoints", "5", "--resume"]
    try KillTrial(
      words + slow,
      results: [
        "adapter_model.safetensors", "training.json", "train.jsonl", "checkpoint-2/checkpoint.json",
        "checkpoint-3/adapter_model.safetensors", "checkpoint-3/optimizer.safetensors",
        "optimizer.safetensors",
      ]
      .map { "a/\($0)" }
    ) { folder in
      FileManager.default.fileExists(atPath: folder.appending(path: "a").path)
        && !FileManager.default.fileExists(atPath: folder.appending(path: "a.part").path)
        && !FileManager.default.fileExists(
          atPath: folder.appending(path: "a/training-state.safetensors").path)
    }.run(in: place, kills: 8, seed: 6)
  }

  @Test(
    "An interrupted training says how to go on; other settings are refused",
    arguments: [SIGINT, SIGTERM])
  func interruption(signal: Int32) throws {
    let long = Self.texts + ["--epochs", "2000"]
    let program = try RunningProgram(long, in: place.url)
    try program.wait { place.has("a.part/training-state.safetensors") }
    program.send(signal)
    let outcome = try program.outcome()
    #expect(outcome.status == 128 + signal)
    #expect(
      outcome.errors.contains("a.part has what was learnt; add --resume to go on"), "\(outcome)")
    #expect(!place.has("a"))
    let again = try place.run(long)
    #expect(again.status == 73 && again.errors.contains("--resume"), "\(again)")
    let other = try place.run(Self.texts + ["--epochs", "3", "--resume"])
    #expect(other.status == 65, "\(other)")
    #expect(try #require(other.onlyError).contains("whose epochs is 2000, not 3"), "\(other)")
    #expect(place.has("a.part/training-state.safetensors"))
    // Nothing is learnt from other texts under the same name.
    try place.write(try TinyModels.reviews(64, seed: 3), to: "train.jsonl")
    let texts = try place.run(long + ["--resume"])
    #expect(texts.status == 65 && texts.errors.contains("whose texts is"), "\(texts)")
  }
}
