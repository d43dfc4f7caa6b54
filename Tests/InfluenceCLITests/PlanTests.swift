import Foundation
import InfluenceKit
import TestSupport
import Testing

@Suite("influence plan")
struct PlanTests {
  let place: Workplace

  init() throws { place = try Workplace() }

  private static let shape = [
    "plan", "--rows", "30000", "--columns", "100000", "--blocks", "25", "--queries", "64",
    "--dtype", "float16", "--memory", "1GiB",
  ]

  @Test("Text for people: a table, a reason, the alternatives")
  func text() throws {
    let outcome = try place.succeed(
      Self.shape + ["--method", "exact,datainf,cg:steps=5,tolerance=0.1", "--no-time"])
    let lines = outcome.output.split(separator: "\n")
    #expect(lines[0].contains("30000 rows × 100000 columns in 25 blocks, float16, 6.0 GB"))
    #expect(lines[0].contains("64 queries"))
    #expect(lines.filter { $0.hasPrefix("exact ") }.count == 2)
    #expect(lines.filter { $0.hasPrefix("cg ") }.count == 2)
    #expect(lines.contains { $0.hasPrefix("exact: 25 blocks, query side: d = 4000 < n = 30000") })
    #expect(lines.contains { $0.hasPrefix("datainf: 25 blocks, query side: passes over G") })
    #expect(lines.allSatisfy { $0.count <= 132 })
    #expect(outcome.errors.isEmpty)
  }

  @Test("Methods with commas, or by giving the option again")
  func lists() throws {
    let listed = try place.succeed(
      Self.shape + ["--method", "exact,cg:steps=5,tolerance=0.1,datainf", "--no-time"])
    let again = try place.succeed(
      Self.shape + ["--method", "exact,cg:steps=5,tolerance=0.1", "--method", "datainf"]
        + ["--no-time"])
    #expect(listed.output == again.output)
    #expect(again.output.contains("datainf: 25 blocks"))
  }

  @Test("JSON, with a measurement")
  func json() throws {
    let json = try place.succeed(Self.shape + ["--method", "exact,datainf", "--json"]).json()
    #expect(json["memory_budget"]?.integer == 1 << 30)
    #expect(try #require(json["machine"]?["memory_bytes_per_second"]?.number) > 0)
    #expect(json["machine"]?["disk_bytes_per_second"] == .null)
    let exact = try #require(json["methods"]?[0]?["routes"]?[0])
    #expect(exact["side"]?.string == "query")
    #expect(exact["picked"]?.boolean == true)
    // F in 25 blocks, and its factor in single precision.
    #expect(exact["matrix_bytes"]?.integer == 25 * (8 + 4) * 4000 * 4000)
    // 1 GiB holds those of a block at a time.
    #expect(exact["fits"]?.boolean == true)
    #expect(exact["keeps_blocks"]?.boolean == false)
    #expect(try #require(exact["seconds"]?.number) > 0)
    #expect(json["methods"]?[1]?["routes"]?[0]?["fits"]?.boolean == true)
  }

  @Test("The plan of a store names the sides that its scores are made on")
  func store() throws {
    let fixture = try Fixture()
    // What takes more than the gradients of any store cannot be scored here.
    let others = EstimatorCatalog.names.filter {
      (try? EstimatorCatalog.estimator($0).inputs.isEmpty) == false
    }
    for method in EstimatorCatalog.names where !others.contains(method) {
      for certificate in ["--certificate", "--no-certificate"] {
        try place.succeed(fixture.score(method) + [certificate])
        let blocks = try #require(try place.json("scores.npy.json")["blocks"]?.array)
        let used = blocks.compactMap { $0["side"]?.string }
        let json = try place.succeed([
          "plan", "--train", fixture.train, "--query", fixture.query, "--method", method,
          certificate, "--no-time", "--json",
        ]).json()
        let reasons = try #require(json["methods"]?[0]?["routes"]?[0]?["reasons"]?.array)
        // A dead block shows only in norms, which a file of another tool does not record.
        for side in ["score", "query"] {
          let planned = reasons.filter { $0["side"]?.string == side }
            .compactMap { $0["blocks"]?.integer }.reduce(0, +)
          let dead = blocks.count - used.count
          let found = used.filter { $0 == side }.count
          #expect((found...(found + dead)).contains(planned), "\(method) \(side)")
        }
      }
    }
  }

  @Test("The verdict follows the memory that is counted, norms included")
  func verdicts() throws {
    func plan(_ rows: Int, _ memory: String) throws -> [OrderedJSON] {
      let json = try place.succeed([
        "plan", "--rows", "\(rows)", "--columns", "4", "--queries", "1", "--method",
        "hessian-free,datainf,exact", "--memory", memory, "--no-time", "--json",
      ]).json()
      return try #require(json["methods"]?.array).flatMap { $0["routes"]?.array ?? [] }
    }
    for (rows, memory, bytes) in [
      (20_000_000, "100MB", 100_000_000), (20_000_000, "4GB", 4_000_000_000),
      (500_000_000, "4GB", 4_000_000_000), (100, "1MB", 1_000_000), (100, "1kB", 1000),
    ] {
      for route in try plan(rows, memory) {
        let peak = try #require(route["peak_bytes"]?.integer)
        let norms = try #require(route["norm_bytes"]?.integer)
        // Scores that are made some examples at a time hold nothing for the others.
        #expect(norms == 16 * rows && peak >= 24 * rows || norms == 0 && peak >= 48 << 16)
        let starts = route["starts"]?.boolean == true
        #expect(route["fits"]?.boolean == (starts && peak <= bytes), "\(rows) \(memory)")
      }
    }
    func text(_ rows: Int, _ method: String, _ options: [String] = []) throws -> String {
      try place.succeed(
        [
          "plan", "--rows", "\(rows)", "--columns", "4", "--queries", "1", "--method",
          method, "--memory", "100MB", "--no-time",
        ] + options
      ).output
    }
    let over = try text(1_000_000, "arnoldi")
    #expect(over.contains(" over\n") && over.contains("over: a run starts, and may take up to"))
    for rows in [20_000_000, 500_000_000] {
      let held = try text(rows, "relatif-l")
      #expect(held.contains(" no\n") && !held.contains(" yes\n") && !held.contains(" over\n"))
      // Scores are made some examples at a time, with certificates or without.
      for options in [[], ["--no-certificate"]] {
        let inParts = try text(rows, "exact", options)
        #expect(inParts.contains(" yes\n") && !inParts.contains(" over\n"))
      }
    }
  }

  @Test("Less memory than holds anything is refused", arguments: ["1", "999", "1B", "0.5kB"])
  func tooLittle(memory: String) throws {
    let outcome = try place.run([
      "plan", "--rows", "5", "--columns", "6", "--queries", "1", "--method", "exact", "--no-time",
      "--memory", memory,
    ])
    #expect(outcome.status == 64, "\(outcome)")
    #expect(outcome.onlyError?.contains("give 1kB or more") == true, "\(outcome)")
  }

  @Test("Sizes in decimal and binary units")
  func sizes() throws {
    for (text, bytes) in [
      ("512MB", 512_000_000), ("1GiB", 1 << 30), ("3KiB", 3072), ("7000", 7000), ("2gib", 2 << 30),
      ("9000B", 9000), ("1kB", 1000), ("2kB", 2000),
    ] {
      let json = try place.succeed([
        "plan", "--rows", "5", "--columns", "6", "--queries", "1", "--method", "exact", "--no-time",
        "--json", "--memory", text,
      ]).json()
      #expect(json["memory_budget"]?.integer == bytes, "\(text)")
    }
  }
}
