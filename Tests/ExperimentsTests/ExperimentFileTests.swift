import Experiments
import Foundation
import TensorFiles
import Testing

@Suite("Files of experiments")
struct ExperimentFileTests {
  private func file(
    _ text: String, overrides: [String] = [], seedCount: Int? = nil, isQuick: Bool = false
  ) throws -> ExperimentFile {
    try ExperimentFile(
      text: text, path: "e.yaml", overrides: overrides, seedCount: seedCount, isQuick: isQuick,
      among: [CountingExperiment.self])
  }

  @Test(
    "Values come from the command line, else from quick, else from the file, else from the setting")
  func precedence() throws {
    let text = """
      experiment: counting
      title: All of it
      seeds: 3
      must: 4
      step: 2
      scale: 1e-3
      list:
        sizes: []
        shares: [0.25, 1]
      methods: [hessian-free, "lissa:depth=3,scale=10"]
      quick:
        seeds: [7, 5]
        step: 3
        list:
          sizes: [5]
      """
    let whole = try file(text)
    #expect(whole.title == "All of it")
    #expect(whole.seeds == [0, 1, 2])
    #expect(whole.settings.integer("step") == 2)
    #expect(whole.settings.number("scale") == 1e-3)
    #expect(whole.settings.integers("list.sizes") == [])
    #expect(whole.settings.numbers("list.shares") == [0.25, 1])
    #expect(whole.settings.texts("list.words") == ["a"])
    #expect(whole.settings.texts("methods") == ["hessian-free", "lissa:depth=3,scale=10"])
    #expect(whole.settings.text("mode") == "up")
    #expect(!whole.settings.flag("loud"))
    #expect(whole.settings.optionalText("file") == nil)

    let quick = try file(text, isQuick: true)
    #expect(quick.seeds == [7, 5])
    #expect(quick.settings.integer("step") == 3)
    #expect(quick.settings.integers("list.sizes") == [5])
    #expect(quick.settings.number("scale") == 1e-3)

    let given = try file(
      text, overrides: ["step=9", "list.words=[c, b]", "loud=true"], seedCount: 2, isQuick: true)
    #expect(given.seeds == [0, 1])
    #expect(given.settings.integer("step") == 9)
    #expect(given.settings.texts("list.words") == ["c", "b"])
    #expect(given.settings.flag("loud"))
    #expect(try file(text, overrides: ["seeds=[4]"]).seeds == [4])
  }

  @Test("A byte order mark and carriage returns change nothing")
  func marks() throws {
    let text = "\u{FEFF}experiment: counting\r\nmust: 4\r\nlist:\r\n  sizes: [5]\r\n"
    #expect(try file(text).settings.integers("list.sizes") == [5])
    #expect(try file(text).settings.integer("must") == 4)
  }

  @Test("One seed, 0, unless the file says otherwise")
  func oneSeed() throws {
    #expect(try file("experiment: counting\nmust: 1").seeds == [0])
  }

  /// A file, and what the error must say: place, key and the heart of the reason.
  static let wrongFiles: [(text: String, place: String, parts: [String])] = [
    ("", "e.yaml:1:1", ["empty"]),
    ("# nothing\n", "e.yaml:1:1", ["empty"]),
    ("- a\n- b", "e.yaml:1:1", ["not a mapping"]),
    ("experiment: counting\nmust: [1", "e.yaml:", ["not valid YAML"]),
    ("experiment: counting\n\tmust: 1", "e.yaml:2:1", ["not valid YAML"]),
    ("experiment: counting\nmust: 1\nmust: 2", "e.yaml:", ["twice", "must"]),
    ("must: 1", "e.yaml:1:1", ["experiment is missing", "counting"]),
    ("experiment: countign\nmust: 1", "e.yaml:1:13", ["countign", "did you mean counting"]),
    ("experiment: counting", "e.yaml:1:1", ["must is missing", "a digit", "the override must="]),
    ("experiment: counting\nmust: 1\nstpe: 2", "e.yaml:3:1", ["stpe", "did you mean step"]),
    (
      "experiment: counting\nmust: 1\nlist:\n  size: [1]", "e.yaml:4:3",
      ["list.size", "did you mean list.sizes"]
    ),
    ("experiment: counting\nmust: 1\nlist: 3", "e.yaml:3:7", ["list", "a level", "list.sizes"]),
    ("experiment: counting\nmust: 12", "e.yaml:2:7", ["must", "\"12\"", "from 0 to 9"]),
    ("experiment: counting\nmust: 1.5", "e.yaml:2:7", ["must", "\"1.5\"", "whole number"]),
    ("experiment: counting\nmust: \"1\"", "e.yaml:2:7", ["must", "whole number"]),
    ("experiment: counting\nmust:", "e.yaml:2:6", ["must", "nothing is not"]),
    ("experiment: counting\nmust: 1\nscale: .nan", "e.yaml:3:8", ["scale", "\".nan\""]),
    ("experiment: counting\nmust: 1\nscale: 0", "e.yaml:3:8", ["scale", "\"0\""]),
    ("experiment: counting\nmust: 1\nmode: sideways", "e.yaml:3:7", ["mode", "one of up, down"]),
    ("experiment: counting\nmust: 1\nloud: yes", "e.yaml:3:7", ["loud", "neither true nor false"]),
    (
      "experiment: counting\nmust: 1\nlist:\n  sizes: [1, 9]", "e.yaml:4:14",
      ["list.sizes", "\"9\"", "from 0 to 5"]
    ),
    (
      "experiment: counting\nmust: 1\nlist:\n  sizes: 3", "e.yaml:4:10",
      ["list.sizes", "[one, two]"]
    ),
    (
      "experiment: counting\nmust: 1\nlist:\n  shares: []", "e.yaml:4:11", ["list.shares", "empty"]
    ),
    (
      "experiment: counting\nmust: 1\nlist:\n  words: [a, b, a]", "e.yaml:4:17",
      ["list.words", "\"a\" is given twice"]
    ),
    ("experiment: counting\nmust: 1\nmethods: [exakt]", "e.yaml:3:11", ["methods", "exakt"]),
    (
      "experiment: counting\nmust: 1\nmethods: [\"lissa:depth=0\"]", "e.yaml:3:11",
      ["methods", "depth"]
    ),
    (
      "experiment: counting\nmust: 1\nfile: no/such/file", "e.yaml:3:7", ["file", "does not exist"]
    ),
    ("experiment: counting\nmust: 1\nseeds: 0", "e.yaml:3:8", ["seeds", "from 1"]),
    ("experiment: counting\nmust: 1\nseeds: [1, 1]", "e.yaml:3:8", ["seeds", "twice"]),
    ("experiment: counting\nmust: 1\nquick: 2", "e.yaml:3:8", ["quick", "must hold settings"]),
    (
      "experiment: counting\nmust: 1\nquick:\n  title: x", "e.yaml:4:3", ["title"]
    ),
    ("experiment: counting\nmust: 1\n[a]: 2", "e.yaml:3:1", ["a key must be a word"]),
    (
      "experiment: counting\nmust: 1\nlist:\n  sizes: [4611686018427387904]", "e.yaml:4:11",
      ["list.sizes", "from 0 to 5"]
    ),
    ("experiment: counting\nmust: 1\nstep: 1e308", "e.yaml:3:7", ["step", "from 1 to 10"]),
    ("experiment: [counting]\nmust: 1", "e.yaml:1:13", ["experiment", "a list is not text"]),
  ]

  @Test("A malformed file is refused by line and key", arguments: wrongFiles.indices)
  func malformed(index: Int) throws {
    let (text, place, parts) = Self.wrongFiles[index]
    do {
      _ = try file(text)
      Issue.record("accepted: \(text)")
    } catch let error as ExperimentError {
      let message = error.description
      #expect(message.hasPrefix(place), "\(message)")
      for part in parts { #expect(message.contains(part), "\(message) lacks \(part)") }
      #expect(!message.contains("\n"))
    }
  }

  @Test(
    "A wrong override is refused by its key",
    arguments: [
      ("step", "key=value"), ("=3", "key=value"), ("stp=3", "did you mean step"),
      ("step=99", "step"), ("step=", "step"), ("list.words=[z]", "list.words"),
      ("step=[", "not a YAML value"), ("seeds=-1", "seeds"),
    ])
  func overrides(override: String, part: String) throws {
    do {
      _ = try file("experiment: counting\nmust: 1", overrides: [override])
      Issue.record("accepted: \(override)")
    } catch let error as ExperimentError {
      #expect(error.description.hasPrefix("an override"), "\(error)")
      #expect(error.description.contains(part), "\(error)")
    }
  }

  @Test("What only the experiment can find is placed too")
  func crossed() throws {
    let file = try file("experiment: counting\nmust: 1\nmode: down\nstep: 9")
    #expect {
      _ = try ExperimentRun(file, in: URL(filePath: "unused"))
    } throws: { error in
      "\(error)".hasPrefix("e.yaml:4:7: step: too steep")
    }
  }
}
