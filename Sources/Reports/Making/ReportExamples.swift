package import InfluenceKit

/// What is known of the examples of one side: one entry per row in each list that is there.
package struct ReportExamples: Sendable {
  package var ids: [String?]?
  package var texts: [String?]?
  package var labels: [String?]?
  package var losses: [Double?]?
  /// What the model says, in the words of the labels.
  package var predictions: [String?]?
  /// Whether losses are −ln of the label's probability, so that they tell what is predicted of two labels.
  package var lossesTellPredictions = false

  package init() {}

  /// What a store keeps of its examples.
  ///
  /// - Throws: An error of `examples.jsonl`.
  package init(of store: GradientStore) throws {
    ids = try store.exampleIDs()
    texts = try store.exampleTexts()
    labels = try store.exampleLabels()
    losses = try store.exampleLosses()
    lossesTellPredictions = Self.isOfLabels(store)
  }

  /// Whether a store remembers that its losses are those of a classifier's labels.
  private static func isOfLabels(_ store: GradientStore) -> Bool {
    let provenance = store.commonProvenance
    if let family = provenance["family"] { return [BERT.name, RoBERTa.name].contains(family) }
    // What the exporter calls the loss of a model with labels.
    return provenance["loss"]?.contains("label_loss") == true
  }

  /// The distinct labels in the order in which people read them, where every row has one and they are few: no more than
  /// a fifth of the rows, or two.
  package func labelNames() -> [String] {
    guard let labels else { return [] }
    let given = labels.compactMap(\.self)
    guard given.count == labels.count else { return [] }
    let names = Set(given)
    guard names.count <= max(2, given.count / 5) else { return [] }
    let numbers = names.compactMap { Double($0) }
    guard numbers.count == names.count else { return names.sorted() }
    return names.sorted { (Double($0) ?? 0, $0) < (Double($1) ?? 0, $1) }
  }

  /// All losses; nil where one is missing.
  package func allLosses() -> [Double]? {
    guard let losses else { return nil }
    let known = losses.compactMap(\.self)
    return known.count == losses.count && known.allSatisfy(\.isFinite) ? known : nil
  }

  /// What the model says of a row, in the words of the labels.
  ///
  /// Given, or told from the loss −ln p where there are two labels: p < ½ means the other one.
  package func prediction(_ row: Int, names: [String]) -> String? {
    if let given = predictions?[row] { return given }
    guard lossesTellPredictions, names.count == 2, let label = labels?[row],
      let loss = losses?[row], loss >= 0,
      names.contains(label)
    else { return nil }
    return loss > Self.evenLoss ? names.first { $0 != label } : label
  }

  /// −ln ½, the loss of a label that is as likely as the other.
  private static let evenLoss = 0.693_147_180_559_945_3

  /// What is known of one row.
  package func example(_ row: Int) -> ShownTexts.Example {
    ShownTexts.Example(
      id: ids?[row].flatMap { $0 == "\(row)" ? nil : $0 }, text: texts?[row],
      label: labels?[row], loss: losses?[row])
  }
}
