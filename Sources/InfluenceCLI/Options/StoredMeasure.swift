import InfluenceKit

/// What the gradients of a store are of, as the store remembers it.
struct StoredMeasure {
  let measure: AnswerMeasure
  let reduction: TokenReduction

  /// Reads it, and compares what else the store remembers with a model and its texts.
  ///
  /// A store of another program remembers nothing: its gradients are taken for those of the loss, reduced as was asked
  /// for.
  ///
  /// - Parameters:
  ///   - store: The training gradients.
  ///   - path: Where they are.
  ///   - opened: What they are said to be of.
  ///   - data: The file of the texts.
  ///   - asked: The reduction of the command line.
  /// - Throws: ``Failure`` where the store is of another model, adapter or text, or of an ensemble under dropout.
  init(
    of store: GradientStore, at path: String, with opened: ModelTexts, data: String,
    reduction asked: TokenReduction
  ) throws {
    guard store.count == opened.examples.count else {
      throw Failure.data(
        "\(data): it holds \(opened.examples.count) texts, but \(path) has \(store.count) rows; give the file that the gradients were taken of"
      )
    }
    let kept = store.commonProvenance
    if let rate = kept["dropout"] {
      throw Failure.data(
        "\(path): its gradients were taken under dropout \(rate), whose masks are not drawn again here; give a store that was taken without"
      )
    }
    guard kept["kind"] == "language model" else {
      (measure, reduction) = (.loss, asked)
      return
    }
    guard let measure = AnswerMeasure(rawValue: kept["measure"] ?? ""),
      let reduction = TokenReduction(rawValue: kept["reduction"] ?? "")
    else {
      throw Failure.data(
        "\(path): its manifest does not say what the gradients are of; write them again with `influence gradients`"
      )
    }
    guard asked == .mean || asked == reduction else {
      throw Failure.usage(
        "--loss-reduction \(asked.rawValue): \(path) was written with \(reduction.rawValue); leave the option out"
      )
    }
    (self.measure, self.reduction) = (measure, reduction)
    let ours = try opened.provenance(measure: measure, reduction: reduction)
    for (key, what, option) in [
      ("weights", "another model", "--model"), ("adapter", "another adapter", "--adapter"),
      ("texts", "other texts", "--data"),
      ("tokens", "texts that were encoded otherwise", "--text, --max-length, --loss-on, --end"),
    ] where kept[key] != nil && kept[key] != ours[key] {
      throw Failure.data(
        "\(path): its gradients were taken of \(what); give what it was written with as \(option)")
    }
  }
}
