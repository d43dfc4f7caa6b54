import Foundation
import InfluenceKit
import OrderedCollections

/// The examples of `influence finetune`: those that are learnt, with their wrong labels, and those that are asked.
struct FinetuneExamples {
  let training: TextExamples
  let heldOut: TextExamples?
  /// The rows of the training examples whose labels are wrong; nil where none were asked for.
  let flippedRows: [Int]?
  private let fields: TextFields
  /// Whether what is learnt is not what the file holds.
  private let isChanged: Bool

  init(_ options: FinetuneCommand, labelNames: [String]?) throws {
    fields = try options.texts.fields()
    let all = try TextExamples(
      reading: URL(filePath: options.data), fields: fields, labelNames: labelNames)
    var learnt = all
    if let test = options.test {
      heldOut = try TextExamples(
        reading: URL(filePath: test), fields: fields,
        labelNames: all.labels == nil ? nil : all.labelNames)
    } else if let share = options.holdOut {
      let parts = try all.holdingOut(share, seed: options.seed)
      (learnt, heldOut) = (parts.kept, parts.heldOut)
    } else {
      heldOut = nil
    }
    if options.flip != 0 {
      let (noisy, flipped) = try learnt.flippingLabels(fraction: options.flip, seed: options.seed)
      (training, flippedRows) = (noisy, flipped)
    } else {
      (training, flippedRows) = (learnt, nil)
    }
    isChanged = options.flip != 0 || options.holdOut != nil
  }

  /// Writes what was made of the file: the flipped rows, and the examples where they differ from the file's.
  func write(to folder: URL) throws {
    if let flippedRows {
      let json: OrderedJSON = ["flipped": .array(flippedRows.map { .integer($0) })]
      try AtomicFile.write(
        try json.sealed().serialized(.indented) + "\n", to: folder.appending(path: "flipped.json"))
    }
    guard isChanged else { return }
    var lines = ""
    for place in 0..<training.count {
      var members: OrderedDictionary<String, OrderedJSON> = [:]
      members[fields.id ?? "id"] = .string(training.ids[place])
      if let prompt = fields.prompt { members[prompt] = .text(training.prompts?[place]) }
      members[fields.text] = .string(training.texts[place])
      if let pair = fields.pair { members[pair] = .text(training.pairs?[place]) }
      if let label = fields.label, let labels = training.labels {
        let name = training.labelNames[labels[place]]
        members[label] = Int(name).map { .integer($0) } ?? .string(name)
      }
      lines += try OrderedJSON.object(members).serialized() + "\n"
    }
    try AtomicFile.write(lines, to: folder.appending(path: "train.jsonl"))
  }
}
