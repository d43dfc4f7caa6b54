import ArgumentParser
import Foundation
import InfluenceKit
import Reporting

extension TopCommand {
  /// The formats of values of which there is one for each training example, about no query.
  static let valueFormats: Set = ["influencekit-self-influence", "influencekit-outliers"]

  /// Prints the examples with the largest values, as `influence self` and `influence outliers` write them.
  func showLargest(of url: URL, _ record: OrderedJSON?) throws {
    if query != nil {
      throw Failure.usage("--query: \(scores) is about no query; leave the option out")
    }
    let file = try NumpyFile(opening: url)
    guard file.shape.count == 1, file.shape[0] > 0 else {
      throw Failure.data(
        "\(scores): it has the shape \(file.shape), but values of training examples have one dimension; compute them again"
      )
    }
    let values = try file.matrix(as: Double.self).elements
    let largest = try TopExamples(of: values, count: count).helpful
    let given = try texts.texts(count: values.count)
    let path = record?["train"]?["path"]?.string
    let store = path.flatMap { try? GradientStore(opening: URL(filePath: $0)) }
      .flatMap { $0.count == values.count ? $0 : nil }
    let shown = try ShownExamples(Set(largest.map(\.example)), of: store, given: given)
    if json {
      return try Console.print([
        "scores": .string(scores), "about": .text(record?["format"]?.string),
        "largest": .array(
          largest.map {
            let entry: OrderedJSON = [
              "example": .integer($0.example), "value": .number($0.score),
            ]
            return entry.adding(shown.json($0.example))
          }),
      ])
    }
    Console.print("\(scores): the largest of \(values.count) values", "")
    try Console.print(
      shown.table(
        of: largest, example: \.example,
        [
          .integer("row") { $0.example },
          .number("value", .significant(digits: 4)) { $0.score },
        ]))
  }
}
