import InfluenceKit

/// The classes of training examples, from the labels of a user's file or of the store.
struct ExampleClasses {
  /// The labels, in the order of the classes: numbers by size, other texts by their letters.
  let names: [String]
  /// n classes, from 0.
  let classes: [Int]

  /// Reads the labels; nil where not every example has one, or where they are as different as those of a regression.
  init?(of store: GradientStore, given: ExampleTexts?) throws {
    let stored = given == nil ? try store.exampleLabels() : given?.labels
    guard let labels = stored?.compactMap(\.self), labels.count == store.count else { return nil }
    let numbers = Set(labels).map { (number: Double($0), text: $0) }
    let allNumbers = numbers.allSatisfy { $0.number != nil }
    names = numbers.sorted {
      allNumbers && $0.number != $1.number
        ? ($0.number ?? 0) < ($1.number ?? 0) : $0.text < $1.text
    }.map(\.text)
    guard names.count <= max(2, labels.count / 5) else { return nil }
    let places = Dictionary(uniqueKeysWithValues: zip(names, names.indices))
    classes = labels.compactMap { places[$0] }
  }

  /// The classes of the queries, by the labels that their store keeps; nil where one has none, or another.
  func classes(of queries: GradientStore) throws -> [Int]? {
    guard let labels = try queries.exampleLabels() else { return nil }
    let places = Dictionary(uniqueKeysWithValues: zip(names, names.indices))
    let classes = labels.compactMap { $0.flatMap { places[$0] } }
    return classes.count == queries.count ? classes : nil
  }

  /// The label of a class.
  func name(_ label: Int) -> String { names.indices.contains(label) ? names[label] : "\(label)" }
}
