public import Foundation
internal import OrderedCollections
internal import LinearAlgebra
internal import TensorFiles

/// Texts with what is to be learnt of them: classes, or how prompts go on.
public struct TextExamples: Sendable, Equatable {
  /// The file that they were read from; what errors name.
  public let path: String
  /// The rows of the file, from 0.
  public private(set) var rows: [Int]
  /// The examples' names, all different: those of the file, or else their rows.
  public private(set) var ids: [String]
  /// The texts.
  public private(set) var texts: [String]
  /// The second texts; nil where there is no field of them.
  public private(set) var pairs: [String]?
  /// What stands before the texts; nil where there is no field of it.
  public private(set) var prompts: [String]?
  /// The classes, in 0 ..< `labelNames.count`; nil where there is no field of them.
  public private(set) var labels: [Int]?
  /// The classes' names; those of integers are their digits.
  public let labelNames: [String]

  /// Reads a file: `.jsonl`, `.json` (an array of objects), `.csv` or `.tsv` with a header, packed by gzip or not.
  ///
  /// Texts are strings or integers. Labels are integers from 0, true and false, or names. Without `labelNames` the classes are
  /// all integers up to the largest, and at least two; or, where a label is no integer, the names that occur in
  /// alphabetical order.
  ///
  /// - Parameters:
  ///   - url: The file.
  ///   - fields: Which of its fields are read; others are not looked at.
  ///   - labelNames: The names of the classes that a model knows. A label must be one of them, or else its number.
  /// - Throws: ``DataFileError``, which names the row and the field, or `TensorFileError` for text that is no JSON.
  /// - Complexity: O(bytes); all texts are held.
  public init(reading url: URL, fields: TextFields, labelNames: [String]? = nil) throws {
    let file = try ExampleFile(reading: url)
    guard !file.examples.isEmpty else { throw DataFileError.noRows(path: file.path) }
    path = file.path
    rows = Array(file.examples.indices)
    let reader = ExampleFieldReader(file)
    texts = try reader.texts(fields.text)
    pairs = try fields.pair.map(reader.texts)
    prompts = try fields.prompt.map(reader.texts)
    ids = try fields.id.map(reader.ids) ?? rows.map(String.init)
    let classes = try fields.label.map { try reader.classes($0, names: labelNames) }
    labels = classes?.labels
    self.labelNames = classes?.names ?? []
  }

  /// Collects texts that stand in no file.
  ///
  /// - Parameters:
  ///   - path: What errors call them.
  ///   - texts: At least one text.
  ///   - prompts: What stands before each.
  ///   - labels: The class of each, in 0 ..< `labelNames.count`.
  ///   - labelNames: The names of the classes.
  package init(
    path: String, texts: [String], prompts: [String], labels: [Int], labelNames: [String]
  ) {
    precondition(prompts.count == texts.count && labels.count == texts.count, "not of all texts")
    self.path = path
    rows = Array(texts.indices)
    ids = rows.map(String.init)
    self.texts = texts
    self.prompts = prompts
    self.labels = labels
    self.labelNames = labelNames
  }

  /// The number of examples.
  public var count: Int { texts.count }

  /// The given examples, in the given order.
  ///
  /// - Parameter places: Numbers in 0 ..< ``count``.
  public func selecting(_ places: [Int]) -> TextExamples {
    var chosen = self
    chosen.rows = places.map { rows[$0] }
    chosen.ids = places.map { ids[$0] }
    chosen.texts = places.map { texts[$0] }
    chosen.pairs = pairs.map { pairs in places.map { pairs[$0] } }
    chosen.prompts = prompts.map { prompts in places.map { prompts[$0] } }
    chosen.labels = labels.map { labels in places.map { labels[$0] } }
    return chosen
  }

  /// The same examples without classes, for models that go on with texts and take none.
  package var unlabelled: TextExamples {
    var examples = self
    examples.labels = nil
    return examples
  }

  /// The same examples with a share of the labels made wrong, to be found again; see `TabularDataSet`.
  ///
  /// Exactly round(fraction · n) examples, chosen at random, get another class, each other class with equal chance.
  ///
  /// - Parameters:
  ///   - fraction: In 0 ... 1.
  ///   - seed: The same seed flips the same labels.
  /// - Returns: The noisy examples, and the places that were flipped, ascending; none without labels.
  /// - Throws: ``DataError/badSetting(name:value:allowed:)`` for a fraction out of range, or one above 0 where all
  ///   examples are of one class.
  public func flippingLabels(
    fraction: Double, seed: UInt64
  ) throws(DataError) -> (noisy: TextExamples, flipped: [Int]) {
    guard let labels else { return (self, []) }
    let noise = try LabelNoise(
      labels, classCount: labelNames.count, fraction: fraction, seed: seed)
    var noisy = self
    noisy.labels = noise.labels
    return (noisy, noise.flipped)
  }

  /// Two random parts, each in the order of the file.
  ///
  /// - Parameters:
  ///   - share: The share of the examples in the second part, between 0 and 1; both parts get at least one.
  ///   - seed: The same seed gives the same parts.
  /// - Throws: ``DataError`` for a share out of range, or a single example.
  public func holdingOut(
    _ share: Double, seed: UInt64
  ) throws(DataError) -> (kept: TextExamples, heldOut: TextExamples) {
    try DataError.check(share > 0 && share < 1, "held-out share", share, "a number between 0 and 1")
    guard count >= 2 else { throw .splitTooLarge(requested: [1, 1], available: count) }
    let size = min(count - 1, max(1, Int((share * Double(count)).rounded())))
    var generator = SeededGenerator(seed: seed, stream: RandomStream.split)
    let order = generator.permutation(count)
    return (selecting(order.dropFirst(size).sorted()), selecting(order.prefix(size).sorted()))
  }

  /// A fingerprint of everything that is learnt from: texts, pairs, prompts, labels and their order.
  public var fingerprint: ContentHash {
    var hash = ContentHash()
    for list in [texts, pairs ?? [], prompts ?? [], labelNames] {
      hash.update([list.count])
      for text in list {
        hash.update([text.utf8.count])
        for byte in text.utf8 { hash.update(byte) }
      }
    }
    hash.update(labels ?? [])
    return hash
  }
}
