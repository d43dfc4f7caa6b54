import Foundation
import Gradients
import LinearAlgebra
import OrderedCollections
import TestSupport
import Testing

import Transformers

@Suite("What is kept of a training")
struct FineTuningStateTests {
  let model = BagOfTokens(vocabularySize: 8, classCount: 2)
  let texts = BagOfTokens.texts(50, seed: 1)
  let folder: TemporaryDirectory
  let settings = FineTuningSettings(
    epochs: 3, batchSize: 8, learningRate: 0.05, warmup: 0.1, checkpoints: 2)
  let identity: OrderedDictionary = ["settings": "a", "texts": "b"]
  var url: URL { folder.file(FineTuningState.fileName) }

  init() throws { folder = try TemporaryDirectory(inMemory: ()) }

  private func write(_ training: FineTuning<BagOfTokens>) throws {
    try training.state.write(
      to: url, names: training.model.adapter.layout.blocks.map(\.name), identity: identity)
  }

  private func read(
    _ training: FineTuning<BagOfTokens>, identity: OrderedDictionary<String, String>? = nil,
    sizes: [Int]? = nil
  ) throws -> FineTuningState {
    try FineTuningState(
      opening: url, names: training.model.adapter.layout.blocks.map(\.name),
      sizes: sizes ?? training.model.adapter.layout.blocks.map(\.width), plan: training.plan,
      identity: identity ?? self.identity)
  }

  @Test("A training that goes on after any step has the same bytes in the end")
  func resuming() throws {
    struct Stop: Error {}
    let heldOut = BagOfTokens.texts(20, seed: 2)
    let names = model.adapter.layout.blocks.map(\.name)
    func run(stoppingAfter last: Int?) throws -> (FineTuningState, [TrainingCheckpoint]) {
      var checkpoints: [Int: TrainingCheckpoint] = [:]
      var training = try FineTuning(model, on: texts, settings: settings)
      if let last {
        var stopped = training
        let observers = FineTuning<BagOfTokens>.Observers(
          keep: {
            try $0.write(to: url, names: names, identity: identity)
            if $0.progress.step == last { throw Stop() }
          }, checkpoint: { checkpoint, _, _ in checkpoints[checkpoint.number] = checkpoint })
        #expect(throws: Stop.self) {
          try stopped.run(heldOut: heldOut, keepingEvery: .zero, observers: observers)
        }
        training.restore(try read(training))
        #expect(training.progress.step == last)
      }
      try training.run(
        heldOut: heldOut,
        observers: .init(checkpoint: { checkpoint, _, _ in
          checkpoints[checkpoint.number] = checkpoint
        })
      )
      return (training.state, checkpoints.values.sorted { $0.number < $1.number })
    }
    let whole = try run(stoppingAfter: nil)
    #expect(whole.0.progress.epochs.count == 3 && whole.1.count == 2)
    for last in [1, 6, 7, 8, 10, 11, 14, 20] {
      let resumed = try run(stoppingAfter: last)
      #expect(resumed.0 == whole.0, "stopped after step \(last)")
      #expect(resumed.1 == whole.1, "stopped after step \(last)")
    }
  }

  @Test("States of other trainings are refused by what is different")
  func others() throws {
    var training = try FineTuning(model, on: texts, settings: settings)
    _ = try training.takeStep()
    try write(training)
    #expect(try read(training) == training.state)
    #expect(
      throws: FineTuningError.otherTraining(
        path: url.path, what: "texts", recorded: "b", found: "c")
    ) { try read(training, identity: ["settings": "a", "texts": "c"]) }
    #expect(
      throws: FineTuningError.otherTraining(
        path: url.path, what: "model", recorded: "not recorded", found: "m")
    ) { try read(training, identity: ["settings": "a", "model": "m"]) }
    let error = #expect(throws: FineTuningError.self) { try read(training, sizes: [16, 3]) }
    #expect("\(try #require(error))".contains("classifier.bias"))
    // Of a step that is not in the plan.
    while training.progress.step < 9 {
      _ = try training.takeStep()
      if training.progress.step % 7 == 0 { training.endEpoch(heldOut: nil) }
    }
    try write(training)
    var short = settings
    (short.epochs, short.checkpoints) = (1, 0)
    let other = try FineTuning(model, on: texts, settings: short)
    #expect(throws: FineTuningError.self) { try read(other) }
  }

  @Test("Damaged states are refused, whichever byte is wrong")
  func damage() throws {
    var training = try FineTuning(model, on: texts, settings: settings)
    _ = try training.takeStep()
    try write(training)
    let bytes = Array(try Data(contentsOf: url))
    var generator = SeededGenerator(seed: 4)
    for _ in 0..<200 {
      var damaged = bytes
      damaged[generator.index(below: bytes.count)] ^= 1 << UInt8(generator.index(below: 8))
      try folder.write(damaged, to: FineTuningState.fileName)
      #expect(throws: (any Error).self) { try read(training) }
    }
    for count in [0, 7, 100, bytes.count - 1] {
      try folder.write(bytes.prefix(count), to: FineTuningState.fileName)
      #expect(throws: (any Error).self) { try read(training) }
    }
    // A file of another program has no checksum.
    try folder.write([2, 0, 0, 0, 0, 0, 0, 0] + Array("{}".utf8), to: FineTuningState.fileName)
    #expect(throws: FineTuningError.self) { try read(training) }
  }
}
