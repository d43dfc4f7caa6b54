import Foundation
import InfluenceKit
import TestSupport
import Testing

/// What methods need beside gradients, where it is missing or wrong: one line that says so.
@Suite("Inputs of methods")
struct MethodInputTests {
  let place: Workplace

  init() throws {
    place = try Workplace(inMemory: ())
    try SmallFiles.write(in: place)
    try place.succeed([
      "gradients", "--model", "perceptron", "--train", "30", "--queries", "5", "--hidden", "3",
      "--epochs", "2", "--checkpoints", "1", "--output", "g", "--quiet",
    ])
    try place.succeed([
      "gradients", "--model", "softmax", "--train", "30", "--queries", "5", "--factors",
      "empirical", "--output", "s", "--quiet",
    ])
  }

  private func expectFailure(
    _ line: String, _ status: Int32, _ pieces: String...,
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let outcome = try place.run(line.split(separator: " ").map(String.init))
    #expect(outcome.status == status, "\(outcome)", sourceLocation: sourceLocation)
    #expect(outcome.output.isEmpty, sourceLocation: sourceLocation)
    let message = try #require(outcome.onlyError, "\(outcome)", sourceLocation: sourceLocation)
    for piece in pieces {
      #expect(message.contains(piece), "'\(piece)': \(message)", sourceLocation: sourceLocation)
    }
    #expect(!place.has("o.npy"), sourceLocation: sourceLocation)
  }

  @Test("No curvature file, or not with what the method takes")
  func curvature() throws {
    let plain = "score --train g/train --query g/query --output o.npy --method"
    try expectFailure("\(plain) kfac", 65, "kfac", "curvature.safetensors", "--factors")
    try expectFailure("\(plain) ekfac", 65, "ekfac", "--factors")
    try expectFailure("\(plain) exact-hessian", 65, "exact-hessian", "--hessian")
    let factored = "score --train s/train --query s/query --output o.npy --method"
    try expectFailure("\(factored) exact-ggn", 65, "ggn", "--hessian")
    try expectFailure("\(factored) kfac --blocks all", 65, "all", "by tensor")
    // Factors of another model's blocks.
    let file = "curvature.safetensors"
    try FileManager.default.copyItem(
      at: place.file("s/train/\(file)"), to: place.file("g/train/\(file)"))
    try expectFailure("\(plain) kfac", 65, file)
  }

  @Test("Blocks that are no matrices", arguments: ["shampoo", "eshampoo", "hyperinf"])
  func shapes(method: String) throws {
    let cube = { (rows: Int) in
      [
        Workplace.Tensor(
          name: "cube", shape: [2, 2, 3], rows: SmallFiles.random(rows: rows, columns: 12, seed: 8))
      ]
    }
    try place.writeTensors(cube(9), to: "cubes.safetensors")
    try place.writeTensors(cube(2), to: "cube.safetensors")
    try expectFailure(
      "score --train cubes.safetensors --query cube.safetensors --method \(method) --output o.npy",
      65, "cube", "[2, 2, 3]", "neither a matrix nor a vector")
  }

  @Test("No probabilities for TRAK, or wrong ones")
  func probabilities() throws {
    let trak = "score --train g/train --query g/query --output o.npy --method trak"
    try expectFailure(trak, 65, "probabilities", "--margins")
    try place.writeArray(Matrix<Float>(repeating: 0.5, rows: 29, columns: 1), to: "few.npy")
    try expectFailure("\(trak):probabilities=few.npy", 65, "29 numbers", "30 training examples")
    try place.writeArray(Matrix<Float>(repeating: 1.5, rows: 30, columns: 1), to: "large.npy")
    try expectFailure("\(trak):probabilities=large.npy", 65, "1.5", "no probability")
    try expectFailure(
      "score --train g/train --query g/query --output o.npy --method logra", 65, "--kind logra")
  }

  @Test("No damping where the curvature is singular, or the method divides by it")
  func singular() throws {
    let words = "score --train g/train --query g/query --output o.npy --damping absolute:0 --method"
    try expectFailure("\(words) exact", 65, "exact", "singular", "damping")
    try expectFailure("\(words) datainf", 64, "datainf", "damping")
  }

  @Test("Checkpoints of other blocks, weights that are none, folders without stores")
  func checkpoints() throws {
    let words = "score --method hessian-free --output o.npy --checkpoint g/checkpoints/epoch-2"
    try expectFailure("\(words) --checkpoint s:0.5", 65, "one ensemble", "layers.0.weight")
    try expectFailure("\(words):fast", 64, "'fast' is not a number", "FOLDER:WEIGHT")
    try expectFailure("\(words):inf", 65, "weight", "finite")
    try expectFailure("\(words) --checkpoint missing", 66, "missing")
    try expectFailure("\(words) --members g", 64, "--members", "--checkpoint")
    try expectFailure("\(words) --train g/train", 64, "leave out --train")
    try expectFailure("score --members g --method exact --output o.npy", 65, "no members")
    let segments = "score --output o.npy --checkpoint g/checkpoints/epoch-2"
    try expectFailure(
      "\(segments) --method source --checkpoint g/checkpoints/epoch-2:0.5", 64, "1 of 2", "weight")
    try expectFailure(
      "\(segments) --method source --checkpoint g/checkpoints/epoch-2", 65, "order of training")
    try expectFailure("\(segments):0 --method source", 65, "weight", "positive")
    try expectFailure("\(segments):1 --method source:time=3", 64, "time", "weights")
    try expectFailure("\(segments):1 --method source --combine rank", 65, "segments", "sum")
    try expectFailure(
      "self --method source --output o.npy --checkpoint g/checkpoints/epoch-2:1", 64,
      "self-influence", "one store")
    try expectFailure(
      "score --method source --output o.npy --checkpoint s", 65, "learning rates", "weight")
    try expectFailure("score --members none --method exact --output o.npy", 66, "none")
  }

  @Test("Projections to more columns than there are")
  func projections() throws {
    try expectFailure("project g/train p --kind sjlt --dimension 100000", 65, "100000", "fewer")
    #expect(!place.has("p"))
  }
}
