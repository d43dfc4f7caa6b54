import Foundation
import InfluenceKit
import TestSupport
import Testing

/// Errors of the library say what is possible; the command says with which option.
@Suite("Advice")
struct AdviceTests {
  let place: Workplace
  let fixture: Fixture

  init() throws {
    place = try Workplace()
    fixture = try Fixture()
  }

  @Test(
    "No library speaks of options or subcommands",
    arguments: [
      "Influence", "Gradients", "Data", "Models", "Evaluation", "TensorFiles", "LinearAlgebra",
      "Experiments", "Transformers",
    ])
  func libraries(target: String) throws {
    let folder = try #require(SharedData.packageRoot).appending(path: "Sources/\(target)")
    let files = try #require(FileManager.default.enumerator(atPath: folder.path))
    let spoken = try Regex(#""[^"]*(--[a-z]+|`influence )[^"]*""#)
    var count = 0
    for case let name as String in files where name.hasSuffix(".swift") {
      count += 1
      let text = try String(contentsOf: folder.appending(path: name), encoding: .utf8)
      for line in text.split(separator: "\n") where line.contains(spoken) {
        guard line.drop(while: { $0 == " " }).hasPrefix("//") else {
          Issue.record("\(name): \(line)")
          continue
        }
      }
    }
    #expect(count > 0)
  }

  @Test(
    "The command names the option or the subcommand that helps",
    arguments: [
      ("kfac", "write one with `influence gradients --factors`, or choose shampoo or eshampoo"),
      ("exact-hessian", "write one with `influence gradients --hessian`"),
      ("logra", "make them with `influence project --kind logra`, or choose exact"),
      (
        "trak",
        "`influence gradients --margins` writes them, and trak:probabilities=FILE.npy says where they are"
      ),
    ])
  func methods(method: String, phrase: String) throws {
    let outcome = try place.run(fixture.score(method))
    #expect(try #require(outcome.onlyError).contains(phrase), "\(outcome)")
    // What the library says of the same has no option.
    let error = #expect(throws: (any Error).self) {
      _ = try Curvature(
        fitting: [try EstimatorCatalog.estimator(method)],
        on: GradientStore(opening: URL(filePath: fixture.train)))
    }
    let message = "\(try #require(error))"
    #expect(!message.contains("--") && !message.contains("`influence"))
  }

  @Test("Fits: certificates, and what is not one")
  func fits() throws {
    try place.succeed([
      "fit", "--train", fixture.train, "--method", "exact", "--no-certificate", "--output", "f",
    ])
    let score = [
      "score", "--fit", "f", "--query", fixture.query, "--method", "exact", "--output", "o.npy",
    ]
    let refused = try place.run(score + ["--certificate"])
    #expect(refused.status == 64)
    #expect(
      try #require(refused.onlyError).hasSuffix(
        "f: it was fitted with --no-certificate (it holds nothing for certificates), which --certificate does not go with; leave the option out, or fit again"
      ))
    let damped = try place.run(score + ["--damping", "0.3"])
    #expect(damped.status == 64)
    #expect(
      try #require(damped.onlyError).hasSuffix(
        "f: it was fitted with --damping 0.1, which 0.3 does not go with; leave the option out, or fit again"
      ))
  }
}
