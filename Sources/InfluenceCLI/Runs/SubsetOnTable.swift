import Foundation
import InfluenceKit
import Reporting

/// `influence subset` with a regression that is trained on a table.
struct SubsetOnTable {
  let options: SubsetTableOptions
  let command: SubsetCommand

  /// A search's answer with what was measured before and after.
  private struct Outcome {
    var subset: InfluentialSubset
    var before: Double
  }

  /// The table's numbers, the point apart.
  private struct Rows {
    var features: Matrix<Double>
    var targets: [Double]
    /// The row of each in the table.
    var numbers: [Int]
    var point: [Double]
    var pointTarget: Double
  }

  func run() throws {
    if let threads = command.fit.threads { Parallelism.threads = threads }
    guard let path = options.data, let model = options.model else {
      preconditionFailure("options were validated")
    }
    let rows = try rows()
    try command.requireSize(below: rows.targets.count, of: path)
    let bar = ProgressBar(quiet: command.fit.quiet)
    defer { bar.finish() }
    let clock = ContinuousClock()
    let start = clock.now
    let handler = bar.handler
    let progress: ((Double) -> Void)? = handler.map { handler in { handler("searching", $0) } }
    let outcome =
      switch model {
      case .leastSquares: try leastSquares(rows, progress)
      case .logistic: try logistic(rows, progress)
      }
    let seconds = (clock.now - start) / .seconds(1)
    bar.finish()
    let subset = outcome.subset
    let effect = subset.effect ?? 0
    let chosen = subset.rows.map { rows.numbers[$0] }
    let warnings = SubsetCommand.warnings(
      of: subset, rows: subset.fixedRows.map { rows.numbers[$0] })
    for warning in warnings { Console.error("warning: \(warning)") }
    if command.json {
      let record: OrderedJSON = [
        "format": "influencekit-subset",
        "version": 1,
        "data": .string(path),
        "label": options.label.map { .string($0) } ?? .null,
        "model": .string(model.rawValue),
        "penalty": .number(penalty(of: model)),
        "standardized": .boolean(options.standardize),
        "measure": model == .logistic ? .string(measure.rawValue) : "prediction",
        "point": options.point.map { .integer($0) } ?? .null,
        "points": options.points.map { .string($0) } ?? .null,
        "training_rows": .integer(rows.targets.count),
        "before": .number(outcome.before),
        "after": .number(outcome.before + effect),
        "positive_means": "removing the rows raises the answer",
        "search": command.searchRecord(subset, rows: chosen),
        "seconds": .number(seconds),
        "warnings": RunRecord.strings(warnings),
        "versions": RunRecord.versions,
        "command": RunRecord.commandLine,
      ]
      print(try record.serialized(.indented))
      return
    }
    command.printTable(
      subset, rows: chosen,
      labels: subset.rows.map { NumberFormat.significant(rows.targets[$0], digits: 4) })
    guard !command.fit.quiet else { return }
    let answer = model == .logistic ? measure.rawValue : "prediction"
    print(
      "\nremoving the \(command.size) of \(rows.targets.count) training rows changes the \(answer) at row \(options.point ?? 0) of \(options.points ?? path) from \(significant(outcome.before)) to \(significant(outcome.before + effect)), by \(significant(effect)); their effects as predicted add up to \(significant(subset.predicted))"
    )
    print("\(command.algorithm.rawValue), \(NumberFormat.seconds(seconds))")
  }

  private func significant(_ value: Double) -> String { NumberFormat.significant(value, digits: 4) }

  private var measure: LogisticRemoval.Measure { options.measure ?? .margin }

  private func penalty(of model: SubsetTableOptions.Model) -> Double {
    options.penalty ?? (model == .logistic ? 0.01 : 0)
  }

  private func table(at path: String) throws -> NumericTable {
    let text = try String(decoding: TextFile.bytes(at: path), as: UTF8.self)
    do {
      return try NumericTable(csv: text, target: options.label ?? "")
    } catch {
      throw Failure.data("\(path): \(error)")
    }
  }

  private func rows() throws -> Rows {
    let path = options.data ?? ""
    let table = try table(at: path)
    let other = try options.points.map { try self.table(at: $0) }
    if let other, other.columns != table.columns {
      throw Failure.data(
        "\(options.points ?? ""): its columns differ from those of \(path); give both the same columns in the same order"
      )
    }
    let source = other ?? table
    let point = options.point ?? 0
    guard point < source.targets.count else {
      throw Failure.usage(
        "--point \(point): \(options.points ?? path) has \(source.targets.count) rows; use 0 to \(source.targets.count - 1)"
      )
    }
    let kept = table.targets.indices.filter { other != nil || $0 != point }
    var result = Rows(
      features: table.features.selecting(rows: kept), targets: kept.map { table.targets[$0] },
      numbers: kept, point: Array(source.features[row: point]), pointTarget: source.targets[point])
    guard !kept.isEmpty else {
      throw Failure.data("\(path): there is one row, which is the point; add training rows")
    }
    if options.standardize {
      let training = try TabularDataSet(
        features: result.features, labels: kept.map { _ in 0 }, classCount: 2)
      let one = try TabularDataSet(
        features: Matrix(rows: 1, columns: result.point.count, elements: result.point),
        labels: [0], classCount: 2)
      result.features = training.standardized().features
      result.point = one.standardized(by: training).features.elements
    }
    return result
  }

  private func leastSquares(_ rows: Rows, _ progress: ((Double) -> Void)?) throws -> Outcome {
    let removal: LeastSquaresRemoval
    do {
      removal = try LeastSquaresRemoval(
        features: rows.features.appendingOnes(), targets: rows.targets,
        penalty: penalty(of: .leastSquares),
        point: rows.point + [1])
    } catch is FactorizationError {
      throw Failure.data(
        "\(options.data ?? ""): the columns with the intercept depend on each other, so least squares has no single answer; give --penalty 1e-3, or leave out constant and repeated columns"
      )
    }
    let subset = try removal.influentialSubset(
      size: command.size, algorithm: command.algorithm, step: command.step,
      direction: (command.direction ?? .raise).removal, progress: progress)
    return Outcome(subset: subset, before: removal.prediction)
  }

  private func logistic(_ rows: Rows, _ progress: ((Double) -> Void)?) throws -> Outcome {
    let path = options.data ?? ""
    func label(_ value: Double, _ row: Int, _ path: String) throws -> Int {
      guard value == 0 || value == 1 else {
        throw Failure.data(
          "\(path): row \(row), column \(options.label ?? ""): the label is \(value), and logistic regression has the classes 0 and 1; encode the column"
        )
      }
      return Int(value)
    }
    let labels = try zip(rows.targets, rows.numbers).map { try label($0, $1, path) }
    let training = try TabularDataSet(features: rows.features, labels: labels, classCount: 2)
    let point = try TabularDataSet(
      features: Matrix(rows: 1, columns: rows.point.count, elements: rows.point),
      labels: [label(rows.pointTarget, options.point ?? 0, options.points ?? path)], classCount: 2)
    let model = try LogisticRegression(
      trainedOn: training,
      settings: NewtonSettings(regularization: penalty(of: .logistic)))
    let removal = try LogisticRemoval(model, point: point, measure: measure)
    let subset = try removal.influentialSubset(
      size: command.size, algorithm: command.algorithm, step: command.step,
      direction: (command.direction ?? .raise).removal, progress: progress)
    return Outcome(subset: subset, before: removal.value)
  }
}
