import Foundation
import InfluenceKit
import TestSupport
import Testing

@Suite("Help, versions and pipes")
struct TerminalTests {
  let place: Workplace

  init() throws { place = try Workplace() }

  static let commands = [
    "score", "self", "inspect", "top", "compare", "plan", "verify", "import", "merge", "split",
    "fit",
  ]

  @Test("--help explains itself with an example, within the terminal", arguments: commands)
  func help(command: String) throws {
    for columns in ["80", "100"] {
      let outcome = try place.succeed([command, "--help"], environment: ["COLUMNS": columns])
      #expect(outcome.output.contains("EXAMPLE"))
      #expect(outcome.output.contains("  influence \(command) "))
      #expect(outcome.errors.isEmpty)
      let width = try #require(Int(columns))
      let wide = outcome.output.split(separator: "\n").filter { $0.count > width }
      #expect(wide.isEmpty, "\(wide)")
      // An example that was wrapped would go on at the margin, with an option.
      #expect(!outcome.output.split(separator: "\n").contains { $0.hasPrefix("--") })
    }
    #expect(
      try place.succeed(["help", command], environment: ["COLUMNS": "80"]).output
        == place.succeed([command, "--help"], environment: ["COLUMNS": "80"]).output)
  }

  @Test("Without arguments, and with --help, the overview")
  func overview() throws {
    let outcome = try place.succeed(["--help"])
    #expect(outcome.output.contains("EXAMPLE"))
    for command in Self.commands { #expect(outcome.output.contains("influence \(command)")) }
    for method in EstimatorCatalog.names { #expect(outcome.output.contains(method)) }
    #expect(try place.succeed([]).output == outcome.output)
  }

  @Test("--version")
  func version() throws {
    let outcome = try place.succeed(["--version"])
    #expect(outcome.errors.isEmpty)
    #expect(outcome.output.split(separator: "\n").count == 1)
    #expect(outcome.output.first?.isNumber == true)
  }

  @Test(
    "No escape codes, carriage returns or bars outside a terminal",
    arguments: [[:], ["NO_COLOR": "1"], ["TERM": "xterm-256color", "CLICOLOR_FORCE": "1"]])
  func plain(environment: [String: String]) throws {
    let fixture = try Fixture()
    let commands = [
      fixture.score("cg"),
      ["self", "--train", fixture.train, "--method", "exact", "--output", "self.npy"],
      ["inspect", fixture.train, "--spectrum"],
      ["top", "scores.npy", "--query", "1"],
      ["compare", "--train", fixture.train, "--query", fixture.query],
    ]
    for command in commands {
      let outcome = try place.succeed(command, environment: environment)
      let text = outcome.output + outcome.errors
      #expect(!text.unicodeScalars.contains { $0 == "\u{1B}" || $0 == "\r" || $0 == "█" })
      #expect(outcome.output.hasSuffix("\n"))
      #expect(outcome.errorLines.allSatisfy { $0.hasPrefix("warning: ") })
    }
  }

  @Test("--quiet leaves a table to programs")
  func quiet() throws {
    let fixture = try Fixture()
    let outcome = try place.succeed([
      "compare", "--train", fixture.train, "--query", fixture.query, "--quiet",
    ])
    #expect(outcome.output.hasPrefix("method "))
    #expect(outcome.output.split(separator: "\n").count == 9)
  }
}
