import Foundation
import InfluenceKit
import TestSupport
import Testing

@Suite("influence import")
struct ImportTests {
  let place: Workplace

  init() throws {
    place = try Workplace()
    try SmallFiles.write(in: place)
  }

  @Test("A file becomes a sound store with the same numbers")
  func imports() throws {
    let outcome = try place.succeed(["import", "train.safetensors", "store"])
    #expect(outcome.output.contains("store: 12 rows in float32"))
    #expect(outcome.output.contains("nothing is lost"))
    #expect(try place.succeed(["verify", "store"]).output.contains("sound, 12 rows"))
    let store = try GradientStore(opening: place.file("store"))
    #expect(store.layout.blocks.map(\.shape) == [[3, 4], [5]])
    #expect(Matrix(try store.rows(0..<12, of: 0, as: Float.self)) == SmallFiles.first)
  }

  @Test("A narrower type says what it loses; --quiet says nothing")
  func loss() throws {
    let outcome = try place.succeed(["import", "train.safetensors", "half", "--dtype", "float16"])
    #expect(outcome.output.contains("lost by float16"))
    #expect(outcome.output.contains("6 × 6 sampled rows"))
    #expect(outcome.output.contains("Made zero %") && outcome.output.contains("λ stored"))
    let quiet = try place.succeed([
      "import", "train.safetensors", "brain", "--dtype", "bfloat16", "--quiet",
    ])
    #expect(quiet.output.isEmpty)
  }

  @Test("int8 is inspected, verified, scored and merged, and its fidelity is printed as JSON, too")
  func scaled() throws {
    let outcome = try place.succeed(["import", "train.safetensors", "small", "--dtype", "int8"])
    #expect(outcome.output.contains("lost by int8"))
    #expect(outcome.output.contains("order of inner products, 6 × 6 other sampled rows: Spearman"))
    #expect(outcome.output.contains("top-6 overlap 1.0000"))
    let report = try OrderedJSON(
      parsing: Array(
        try place.succeed(["import", "train.safetensors", "again", "--dtype", "int8", "--json"])
          .output.utf8), path: "output")
    #expect(report["dtype"]?.string == "int8" && report["rows"]?.integer == 12)
    let fidelity = try #require(report["loss"]?["fidelity"])
    for key in ["spearman_mean", "spearman_worst", "top_overlap_mean"] {
      #expect(try #require(fidelity[key]?.number) > 0.5)
    }
    let blocks = try #require(report["loss"]?["blocks"]?.array)
    #expect(blocks.compactMap { $0["block"]?.string } == ["a", "b"])
    for key in ["norm_error_max", "exact_error_max", "datainf_error_max", "lambda"] {
      #expect(try #require(blocks[0][key]?.number) > 0)
    }
    // 17 columns and two scales of four bytes.
    #expect(try place.succeed(["inspect", "small"]).output.contains("int8, 300 B, 25 bytes a row"))
    #expect(try place.succeed(["verify", "small"]).output.contains("sound, 12 rows"))
    _ = try place.succeed(["merge", "both", "small", "again"])
    let both = try GradientStore(opening: place.file("both"))
    #expect(both.count == 24 && both.commonElementType == .int8)
  }

  @Test(
    "Factors are imported, inspected, verified, scored, split and merged; what they keep is printed"
  )
  func factors() throws {
    let outcome = try place.succeed([
      "import", "train.safetensors", "factors", "--factored", "1", "--dtype", "int8",
    ])
    // 3 + 4 and 5 numbers, and three scales; 17 numbers of four bytes before.
    #expect(
      outcome.output.contains(
        "factors: 12 rows in int8 factors of rank 1, 24 bytes a row (68 in the source)"))
    #expect(outcome.output.contains("rank 1 of 3 × 4") && outcome.output.contains("it is"))
    let inspected = try place.succeed(["inspect", "factors"]).output
    #expect(inspected.contains("int8 factors of rank 1") && inspected.contains("Kept %"))
    #expect(try place.succeed(["verify", "factors"]).output.contains("sound, 12 rows"))
    let report = try place.succeed([
      "import", "train.safetensors", "again", "--factored", "1", "--json",
    ]).json()
    #expect(report["dtype"]?.string == "float16" && report["factor_rank"]?.integer == 1)
    let kept = try #require(report["captured"]?.number)
    #expect(kept > 0.5 && kept < 1)
    #expect(report["blocks"]?[0]?["rank"]?.integer == 1 && report["blocks"]?[1]?["rank"] == .null)
    #expect(
      try place.succeed(["inspect", "again", "--json"]).json()["factors"]?["captured"]?.number
        == kept)
    _ = try place.succeed(["split", "again", "parts", "--shards", "2"])
    let merged = try place.succeed(["merge", "both", "parts/shard-0000", "parts/shard-0001"])
    #expect(merged.output.contains("12 rows in float16 factors of rank 1"))
    #expect(try place.bytes("both/gradients.bin") == place.bytes("again/gradients.bin"))
    for method in ["exact", "datainf", "hessian-free"] {
      _ = try place.succeed([
        "score", "--train", "factors", "--query", "query.safetensors", "--method", method,
        "--output",
        "\(method).npy",
      ])
    }
  }

  @Test("A type that destroys a block is refused before anything is written, or warned of")
  func destroyed() throws {
    try place.writeTensors(
      SmallFiles.tensors { first, _ in
        for place in first.indices { first[place] *= 1e-9 }
      }, to: "small.safetensors")
    let commands = [
      ["import", "small.safetensors"], ["split", "small.safetensors", "--shards", "2"],
      ["project", "small.safetensors", "--kind", "sjlt", "--dimension", "3"],
    ]
    for command in commands {
      let words = command + ["out-\(command[0])", "--dtype", "float16"]
      let refused = try place.run(words)
      let message = try #require(refused.onlyError)
      #expect(refused.status == 65 && message.contains("block \"a\" would be destroyed"))
      #expect(message.contains("--allow-loss") && !place.has("out-\(command[0])"))
      let allowed = try place.succeed(words + ["--allow-loss"])
      #expect(allowed.errors.contains("warning: block \"a\"") && place.has("out-\(command[0])"))
    }
    let json = try place.succeed(commands[0] + ["brain", "--dtype", "bfloat16", "--json"]).json()
    #expect(json["loss"]?["blocks"]?[0]?["destroyed"]?.boolean == false)
  }

  @Test(
    "Wrong inputs leave nothing behind",
    arguments: [
      BadInvocation("import train.safetensors", 64, "destination"),
      .init("import train.safetensors o --dtype float8", 64, "float8", "bfloat16"),
      .init("import train.safetensors train.safetensors", 64, "source"),
      .init("import train.safetensors o --factored 0", 64, "--factored"),
      .init("import train.safetensors o --factored 2", 65, "no block is a matrix"),
      .init("import missing o", 66, "missing"),
      .init("import train.safetensors o --factors unfinished", 65, "factor_arguments.json"),
      .init("import unfinished o", 65, "unfinished"),
      .init("import empty.safetensors o", 65, "no rows"),
      .init("import nan.safetensors o", 65, "nan.safetensors", "row 4", "\"a\""),
      .init("import train.safetensors absent/o", 73, "absent"),
      .init("import train.safetensors cut.json", 73, "cut.json"),
      .init("import train.safetensors unfinished", 73, "unfinished"),
      .init("import train.safetensors full", 73, "full", "not empty"),
    ])
  func wrong(_ invocation: BadInvocation) throws {
    try place.write("notes", to: "full/notes.txt")
    func contents() throws -> [String] {
      try FileManager.default.subpathsOfDirectory(atPath: place.url.path).sorted()
    }
    let before = try contents()
    let outcome = try place.run(invocation.words)
    #expect(outcome.status == invocation.status, "\(outcome)")
    let message = try #require(outcome.onlyError)
    for piece in invocation.pieces { #expect(message.contains(piece), "\(message)") }
    #expect(try contents() == before)
  }
}
