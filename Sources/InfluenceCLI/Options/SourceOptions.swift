import ArgumentParser
import Foundation
import InfluenceKit

/// How gradients of any origin are opened to be copied, and which of their blocks.
struct SourceOptions: ParsableArguments {
  @Option(
    "Take this away at the beginning of blocks' names, such as base_model.model.", value: "prefix")
  var stripPrefix: String?
  @Option(
    "Take this away between dots of blocks' names, such as default, a PEFT adapter's name.",
    value: "part")
  var stripPart: String?
  @Option(
    help: ArgumentHelp(
      "Only blocks whose names fit; * and ? stand for any characters. May be given again.",
      valueName: "glob"))
  var selectBlocks: [String] = []
  @Flag(help: "Sum the token gradients of each example, of a bergson store with attribute_tokens.")
  var sumTokens = false
  @Flag(
    help:
      "Take .npy or .pt files called alike but for a number at the end, and tensors of a list, for rows, not for blocks."
  )
  var joinRows = false

  /// Opens the store at a path, with the chosen blocks.
  ///
  /// - Throws: `InfluenceError.empty` for a store without rows; an error of the store.
  func open(_ path: String, check: StoreCheck) throws -> GradientStore {
    let store = try GradientStore(
      opening: URL(filePath: path), summingTokens: sumTokens, joiningRows: joinRows, check: check
    ).selectingBlocks(
      matching: selectBlocks, strippingPrefix: stripPrefix ?? "", strippingPart: stripPart ?? "")
    guard store.count > 0 else { throw InfluenceError.empty(source: path) }
    return store
  }
}
