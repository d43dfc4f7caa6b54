import Foundation
import InfluenceKit
import TestSupport
import Testing

/// --damping auto: which, why, and where it is refused.
@Suite("score --damping auto")
struct AutomaticDampingCommandTests {
  let place: Workplace

  init() throws { place = try Workplace(inMemory: ()) }

  @Test("takes what the training says, prints and records it")
  func training() throws {
    try place.succeed([
      "gradients", "--model", "perceptron", "--train", "30", "--queries", "5", "--hidden", "3",
      "--epochs", "2", "--output", "g", "--quiet",
    ])
    let moments = try #require(try OptimizerMoments(ifIn: place.file("g/train")))
    #expect(try #require(moments.rule.learningRateSum) > 0)
    let score = ["score", "--train", "g/train", "--query", "g/query", "--method", "datainf"]
    let output = try place.succeed(score + ["--damping", "auto", "--output", "auto.npy"]).output
    let record = try place.json("auto.npy.json")
    let damping = try #require(record["damping"]?.string)
    #expect(damping.hasPrefix("absolute:"))
    #expect(output.contains("damping \(damping): "))
    #expect(record["damping_reason"]?.string?.contains("steps of Adam") == true)
    // It is the damping as it could have been given.
    try place.succeed(score + ["--damping", damping, "--output", "given.npy"])
    #expect(try place.bytes("auto.npy") == place.bytes("given.npy"))
    #expect(try place.json("given.npy.json")["damping_reason"] == nil)
  }

  @Test("takes a sweep where nothing is known of the training")
  func sweep() throws {
    try SmallFiles.write(in: place)
    let score = ["score", "--train", "train.safetensors", "--query", "query.safetensors"]
    try place.succeed(
      score + ["--method", "exact", "--damping", "auto", "--quiet", "--output", "auto.npy"])
    let reason = try #require(try place.json("auto.npy.json")["damping_reason"]?.string)
    #expect(reason.contains("the sweep of exact over 1e-4:10:11"))
  }

  @Test("is refused by commands that choose nothing")
  func refusals() throws {
    try SmallFiles.write(in: place)
    for words in [
      "self --train train.safetensors --method exact --damping auto --output o.npy",
      "compare --train train.safetensors --query query.safetensors --damping auto --output o",
      "inspect train.safetensors --damping auto",
    ] {
      let outcome = try place.run(words.split(separator: " ").map(String.init))
      #expect(outcome.status == 64, "\(outcome)")
      #expect(outcome.errors.contains("--damping auto"), "\(outcome)")
    }
  }
}
