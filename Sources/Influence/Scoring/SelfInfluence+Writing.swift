import Gradients
import LinearAlgebra
public import TensorFiles

extension Curvature {
  /// Computes self-influence with the one estimator that was fitted, and writes it with its record.
  ///
  /// - Parameters:
  ///   - file: A `.npy` array of float32: n values, or with `perBlock` each block's share of them,
  ///     `n × blocks`.
  ///   - perBlock: Whether the shares of blocks are written.
  ///   - details: What the program adds to the record.
  ///   - progress: Called as blocks are done.
  /// - Throws: ``InfluenceError``, or an error from reading the store or writing a file.
  public func selfInfluence(
    into file: RecordedFile, perBlock: Bool = false, details: RecordDetails = RecordDetails(),
    progress: ProgressHandler? = nil
  ) throws -> SelfInfluence {
    precondition(estimators.count == 1, "\(estimators.count) estimators for one file")
    let clock = ContinuousClock()
    let start = clock.now
    var influence = try selfInfluence(perBlock: perBlock, progress: progress)[0]
    influence.seconds = (clock.now - start).inSeconds
    let provenance = ScoreProvenance(self, estimator: 0, queries: training)
    let total = seconds + influence.seconds
    let names = contexts.map(\.name)
    let record: OrderedJSON = [
      "format": perBlock ? "influencekit-block-self-influence" : "influencekit-self-influence",
      "version": 1, "method": .string(estimators[0].name),
      "settings": .settings(estimators[0].settings),
      "damping": .string(options.damping.description),
      "partition": training.partition.json,
      "rows": .integer(influence.values.count),
      "axes": perBlock ? ["training example", "block"] : ["training example"],
      "block_names": perBlock ? .list(names) : .null,
      "precision": .string(options.precision.rawValue),
      "fit": .text(details.fit),
      "blocks": provenance.blockRecords,
      "train": try training.record(),
      "seconds": .number(total),
      "work": provenance.workRecord(seconds: total),
      "warnings": .list(influence.warnings.map(details.wording)),
    ]
    try influence.write(into: file, record: record.adding(details.program))
    return influence
  }
}

extension ScoreEnsemble {
  /// Computes the weighted sum of the members' self-influence, and writes it with its record.
  ///
  /// - Parameters:
  ///   - estimator: The method, fitted to each member by itself.
  ///   - file: A `.npy` array of n float32 values.
  ///   - options: As for ``Curvature``.
  ///   - details: What the program adds to the record.
  ///   - progress: Called as members are done.
  /// - Throws: ``InfluenceError``, or an error from reading a store or writing a file.
  public func selfInfluence(
    by estimator: any Estimator, into file: RecordedFile,
    options: CurvatureOptions = CurvatureOptions(), details: RecordDetails = RecordDetails(),
    progress: ProgressHandler? = nil
  ) throws -> SelfInfluence {
    let influence = try selfInfluence(by: estimator, options: options, progress: progress)
    let record: OrderedJSON = [
      "format": "influencekit-self-influence", "version": 1, "method": .string(estimator.name),
      "settings": .settings(estimator.settings),
      "damping": .string(options.damping.description),
      "rows": .integer(influence.values.count),
      "precision": .string(options.precision.rawValue),
      "members": try ScoreProvenance(self, options: options).memberRecords(),
      "warnings": .list(influence.warnings.map(details.wording)),
    ]
    try influence.write(into: file, record: record.adding(details.program))
    return influence
  }
}

extension RepresentationMethod {
  /// Computes the score of every training example on itself, and writes the scores with their record.
  ///
  /// - Parameters:
  ///   - training: n examples.
  ///   - file: A `.npy` array of n float32 values.
  ///   - details: What the program adds to the record.
  /// - Throws: ``InfluenceError``, or an error from writing a file.
  public func selfInfluence(
    on training: RepresentedExamples, into file: RecordedFile,
    details: RecordDetails = RecordDetails()
  ) throws -> SelfInfluence {
    let influence = SelfInfluence(
      method: name, values: try selfInfluence(on: training.representations), warnings: [])
    let record: OrderedJSON = [
      "format": "influencekit-self-influence", "version": 1, "method": .string(name),
      "settings": .settings(settings),
      "rows": .integer(influence.values.count),
      "train": try training.record(),
    ]
    try influence.write(into: file, record: record.adding(details.program))
    return influence
  }
}

extension SelfInfluence {
  /// Writes the values, or the shares of blocks where there are any, example after example.
  fileprivate func write(into file: RecordedFile, record: OrderedJSON) throws {
    guard let shares else { return try file.write(vector: values, record: record) }
    var writer = try NumpyWriter(
      at: file.url, rows: values.count, columns: shares.blocks.count)
    try writer.append(
      file.narrowed(
        Matrix(
          rows: values.count, columns: shares.blocks.count,
          elements: shares.interleaved().elements)))
    try file.commit(writer.finish(), record: record)
  }
}
