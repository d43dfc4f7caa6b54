import Foundation
import InfluenceKit
import Reporting

/// `influence subset` with a regression that is trained on a table.
struct SubsetOnTable {
  let options: SubsetTableOptions
  let command: SubsetCommand

  func run() throws {
    guard let path = options.data, let kind = options.model else {
      preconditionFailure("options were validated")
    }
    let table = try table(at: path)
    if let classes = table.classes, classes.count != 2 {
      throw Failure.data(
        "\(path): column \(options.label ?? "") holds \(classes.count) classes (\(classes.prefix(5).map(\.quoted).joined(separator: ", "))\(classes.count > 5 ? ", …" : "")); logistic regression has two, keep the rows of those"
      )
    }
    let removal = try removal(of: table, path)
    try command.requireSize(below: removal.count, of: path)
    let start = ContinuousClock.now
    let model: TableRemoval.Model =
      switch kind {
      case .leastSquares: .leastSquares(penalty: penalty(of: kind))
      case .logistic: .logistic(penalty: penalty(of: kind), measure: measure)
      }
    let outcome = try ProgressBar.during(quiet: command.fit.quiet) { progress in
      try describingTables(path) {
        try removal.influentialSubset(
          size: command.size, of: model, algorithm: command.algorithm, step: command.step,
          direction: (command.direction ?? .raise).removal,
          progress: progress.map { progress in { progress("searching", $0) } })
      }
    }
    let seconds = (ContinuousClock.now - start) / .seconds(1)
    let subset = outcome.subset
    let effect = subset.effect ?? 0
    let warnings = SubsetCommand.warnings(of: subset)
    Console.warn(warnings)
    if command.json {
      let record: OrderedJSON = [
        "format": "influencekit-subset",
        "version": 1,
        "data": .string(path),
        "label": .text(options.label),
        "model": .string(kind.rawValue),
        "classes": table.classes.map { .list($0) } ?? .null,
        "penalty": .number(penalty(of: kind)),
        "standardized": .boolean(options.standardize),
        "measure": kind == .logistic ? .string(measure.rawValue) : "prediction",
        "point": options.point.map { .integer($0) } ?? .null,
        "points": .text(options.points),
        "training_rows": .integer(removal.count),
        "before": .number(outcome.answer),
        "after": .number(outcome.answer + effect),
        "positive_means": "removing the rows raises the answer",
        "search": command.searchRecord(subset),
        "seconds": .number(seconds),
        "warnings": .list(warnings),
        "versions": RunRecord.versions,
        "command": RunRecord.commandLine,
      ]
      return try Console.print(record)
    }
    try command.printTable(
      subset,
      labels: outcome.targets.map { target in
        table.classes.map { $0[Int(target)] } ?? significant(target)
      })
    guard !command.fit.quiet else { return }
    let answer = kind == .logistic ? measure.rawValue : "prediction"
    Console.print(
      "",
      "removing the \(command.size) of \(removal.count) training rows changes the \(answer) at row \(options.point ?? 0) of \(options.points ?? path) from \(significant(outcome.answer)) to \(significant(outcome.answer + effect)), by \(significant(effect)); their effects as predicted add up to \(significant(subset.predicted))"
    )
    Console.print("\(command.algorithm.rawValue), \(NumberFormat.seconds(seconds))")
  }

  private func significant(_ value: Double) -> String { NumberFormat.significant(value, digits: 4) }

  private var measure: LogisticRemoval.Measure { options.measure ?? .margin }

  private func penalty(of model: SubsetTableOptions.Model) -> Double {
    options.penalty ?? (model == .logistic ? 0.01 : 0)
  }

  private func table(at path: String, classes: [String]? = nil) throws -> NumericTable {
    let text = try String(decoding: TextFile.bytes(at: path), as: UTF8.self)
    do {
      return try NumericTable(
        csv: text, target: options.label ?? "", namingClasses: options.model == .logistic,
        classes: classes)
    } catch {
      throw Failure.data("\(path): \(error)")
    }
  }

  /// The training rows and the point.
  private func removal(of table: NumericTable, _ path: String) throws -> TableRemoval {
    let points = try options.points.map { try self.table(at: $0, classes: table.classes) }
    let source = points ?? table
    let point = options.point ?? 0
    // Tables that do not go together are the first thing to be told.
    guard source.columns != table.columns || point < source.targets.count else {
      throw Failure.usage(
        "--point \(point): \(options.points ?? path) has \(source.targets.count) rows; use 0 to \(source.targets.count - 1)"
      )
    }
    return try describingTables(path) {
      try TableRemoval(table, point: point, of: points, standardizes: options.standardize)
    }
  }

  /// Tells errors of the tables with their paths and the options that help.
  private func describingTables<Result>(
    _ path: String, _ body: () throws -> Result
  ) throws -> Result {
    do {
      return try body()
    } catch let error as TableRemovalError {
      switch error {
      case .differentColumns:
        throw Failure.data(
          "\(options.points ?? ""): its columns differ from those of \(path); give both the same columns in the same order"
        )
      case .nothingToTrainOn: throw Failure.data("\(path): \(error)")
      case .dependentColumns: throw Failure.data("\(path): \(Advice.withOptions("\(error)"))")
      case .notAClass(let row, let value, let isPoint):
        throw Failure.data(
          "\(isPoint ? options.points ?? path : path): row \(row), column \(options.label ?? ""): the label is \(value), and logistic regression has the classes 0 and 1; encode the column"
        )
      }
    }
  }
}
