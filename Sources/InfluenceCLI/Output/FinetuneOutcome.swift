import InfluenceKit
import OrderedCollections
import Reporting

/// What came of `influence finetune`, as a record and for people.
struct FinetuneOutcome {
  let training: FineTuning<LanguageModel>
  /// What was learnt.
  let learnt: TextExamples
  /// What was asked after each epoch.
  let heldOut: TextExamples?
  /// How many labels were made wrong; nil where none were to be.
  let flippedCount: Int?
  /// How many texts were cut.
  let truncated: Int
  /// The steps that an earlier run had taken.
  let firstStep: Int
  let seconds: Double
  /// Tokens per second; nil where no step was left.
  let speed: Double?

  /// What `training.json` says: nothing that differs from one run to the next.
  func record(
    model: String, data: String, test: String?, settings: OrderedJSON, truncatedRows: [Int]
  ) throws -> OrderedJSON {
    func described(_ examples: TextExamples?, path: String?) -> OrderedJSON {
      guard let examples else { return .null }
      return [
        "path": .text(path), "examples": .integer(examples.count),
        "fingerprint": .string(examples.fingerprint.description),
      ]
    }
    let adapter = training.model.adapter
    return [
      "format": "influencekit-training", "version": 1,
      "versions": ["influencekit": .string(InfluenceKitVersion.current)],
      "model": .string(model),
      "family": .string(training.model.checkpoint.configuration.family),
      "labels": .list(learnt.labelNames), "settings": settings,
      "training": described(learnt, path: data),
      "held_out": described(heldOut, path: test ?? data),
      "flipped": .integer(flippedCount ?? 0),
      "truncated_rows": .array(truncatedRows.map { .integer($0) }),
      "parameters": .integer(adapter.layout.columnCount), "blocks": .integer(adapter.layout.count),
      "steps": .integer(training.plan.stepCount),
      "epochs": try OrderedJSONEncoder().encode(training.progress.epochs),
    ]
  }

  /// Says what was trained, and what each epoch came to.
  func show(folder: String) throws {
    let layout = training.model.adapter.layout
    let plan = training.plan
    let flipped = flippedCount.map { " (\(Counted($0, "label")) flipped)" } ?? ""
    Console.print(
      "\(folder): \(layout.columnCount) parameters in \(Counted(layout.count, "block")); \(Counted(learnt.count, "text"))\(flipped), \(Counted(plan.settings.epochs, "epoch")) of \(Counted(plan.stepsPerEpoch, "step"))"
        + (firstStep > 0 ? ", of which an earlier run took \(firstStep)" : "")
        + "; \(NumberFormat.seconds(seconds))"
        + (speed.map { ", \(NumberFormat.significant($0)) tokens per second" } ?? ""))
    if truncated > 0 {
      Console.print("\(Counted(truncated, "text")) longer than allowed: the end was cut off")
    }
    Console.print("")
    Console.print(try table())
    if flippedCount != nil {
      Console.print("", "as learnt: \(folder)/train.jsonl; wrong labels: \(folder)/flipped.json")
    }
  }

  private func table() throws -> Table {
    let epochs = training.progress.epochs
    return try Table(
      of: epochs.indices,
      .integer("epoch") { $0 + 1 },
      .number("loss", .decimals(4)) { epochs[$0].loss },
      heldOut == nil
        ? nil : .number("held-out loss", .decimals(4)) { epochs[$0].heldOut?.loss },
      epochs.contains { $0.heldOut?.accuracy != nil }
        ? .number("accuracy", .decimals(3)) { epochs[$0].heldOut?.accuracy } : nil)
  }
}

extension FineTuningReport {
  /// What stands beside the progress bar.
  var line: String {
    "epoch \(epoch)/\(epochCount), loss \(NumberFormat.decimals(loss, 3)), \(NumberFormat.significant(tokensPerSecond)) tokens/s"
  }
}
