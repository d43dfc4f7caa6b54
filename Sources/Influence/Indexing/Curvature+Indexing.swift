public import Foundation
import Gradients
import LinearAlgebra
public import TensorFiles

/// What writing an index did.
public struct IndexOutcome: Sendable {
  /// Rows that an earlier run had committed.
  public let resumedRows: Int
  /// All rows of the index.
  public let rows: Int
  /// What the index is of.
  public let about: IndexDescription
  /// What the user should know.
  public let warnings: [String]
  /// Seconds spent, without the fit.
  public let seconds: Double
}

extension Curvature {
  /// Writes an index of the training store under the one estimator that was fitted: a store whose rows are what the raw
  /// gradients of queries are multiplied with to give scores.
  ///
  /// Row i is y_i = f_i·M·g_i in the blocks as they are stored, where M is symmetric, so that s_i = v·y_i, and f_i is what
  /// the method divides the example by. Later queries need neither M nor the training gradients. Ids, texts, labels and losses come
  /// along. A run that was stopped goes on from its last committed row when it is run again.
  ///
  /// - Parameters:
  ///   - destination: The new folder.
  ///   - elementType: float32, float16 or int8. Rows of float16 are multiplied by a power of two, which is recorded,
  ///     so that their numbers lie in its range.
  ///   - progress: Called with the share of rows that are committed.
  /// - Throws: ``IndexError``, ``InfluenceError/noDirections(method:)`` of a method that is not linear, an error of reading the
  ///   store or of writing the index.
  /// - Complexity: That of the scores of n queries, on the side that is cheaper for so many, and for some rows m × D numbers in
  ///   memory.
  public func writeIndex(
    to destination: URL, elementType: ElementType = .float32, progress: ProgressHandler? = nil
  ) throws -> IndexOutcome {
    precondition(estimators.count == 1, "\(estimators.count) estimators for one index")
    precondition(
      [.float32, .float16, .int8].contains(elementType), "an index of \(elementType)")
    let clock = ContinuousClock()
    let start = clock.now
    try Self.requireIndexable(estimators[0])
    guard options.combination == .sum else {
      throw InfluenceError.notCombinable(
        method: estimators[0].name, combination: options.combination.rawValue)
    }
    try training.requireRows()
    let step = indexRowsAtATime
    let first = 0..<min(step, training.count)
    let firstRows = try indexRows(first)
    try requireSymmetric(firstRows.unweighted, first)
    let known = try StoreRewriting.unfinished(at: destination)
    let scale =
      known?[IndexDescription.scaleKey].flatMap { Double($0) }
      ?? (elementType == .float16 ? Self.scale(of: firstRows.rows) : 1)
    let about = IndexDescription(
      method: estimators[0].specification, damping: options.damping, precision: options.precision,
      partition: training.partition, lambdas: contexts.map { $0.isDead ? nil : $0.damping },
      dividesByQueryNorm: estimators[0].normalization == .gradientNorms, scale: scale,
      trainingPath: training.name, trainingChecksum: try training.checksum() ?? "none",
      rowCount: training.count)
    let layout = training.storedLayout
    let rewriting = StoreRewriting(
      of: training, to: destination, layout: layout, elementType: elementType,
      identity: try about.identity(layout, elementType), notes: try about.notes(),
      key: IndexDescription.methodKey, noun: "index")
    var said = warnings + firstRows.warnings
    let outcome = try rewriting.run(
      rowsAtATime: step, progress: { progress?("index", $0) }
    ) { range in
      let found = range == first ? firstRows : try indexRows(range)
      for warning in found.warnings where !said.contains(warning) { said.append(warning) }
      return found.rows.map { block in
        var block = block
        if scale != 1 { block.scale(by: scale) }
        return block
      }
    }
    try requireUnchangedFit()
    return IndexOutcome(
      resumedRows: outcome.resumedRows, rows: outcome.rows, about: about, warnings: said,
      seconds: (clock.now - start).inSeconds)
  }

  /// How many rows are made at a time: more are faster, and take memory.
  private var indexRowsAtATime: Int {
    // X of all blocks, as it is ungrouped, weighed and joined, in double precision.
    let rowBytes = 8 * 4 * max(1, training.layout.columnCount)
    let most = max(1, min(1024, options.memoryBudget / 4 / rowBytes))
    return max(1, min(most, queriesAtATime(of: min(most, max(1, training.count)))))
  }

  private struct IndexRows {
    /// f_i·M·g_i, `rows × d` of each stored block.
    let rows: [Matrix<Double>]
    /// M·g_i.
    let unweighted: [Matrix<Double>]
    let warnings: [String]
  }

  private func indexRows(_ range: Range<Int>) throws -> IndexRows {
    let directions = try directions(of: training[rows: range])
    let said = directions.warnings.filter { !warnings.contains($0) }
    guard let factors = directions.factors else {
      return IndexRows(rows: directions.values, unweighted: directions.values, warnings: said)
    }
    let own = range.map { factors.columns[$0] }
    let weighted = directions.values.map { block in
      var block = block
      block.scaleRows(by: own)
      return block
    }
    return IndexRows(rows: weighted, unweighted: directions.values, warnings: said)
  }

  /// Refuses methods of which an index would not give the scores, before anything is fitted.
  ///
  /// - Throws: ``InfluenceError/noDirections(method:)`` of a method that is not linear in the training gradient, or
  ///   ``IndexError/dividesQueries(method:)``.
  public static func requireIndexable(_ estimator: any Estimator) throws {
    guard estimator.isLinear else {
      throw InfluenceError.noDirections(method: estimator.name)
    }
    switch estimator.normalization {
    case .bothSelfInfluences, .queryNormAndChange:
      throw IndexError.dividesQueries(method: estimator.name)
    case .none, .gradientNorms, .selfInfluence, .parameterChange, .leverage, .exampleWeights:
      break
    }
  }

  /// A power of two that brings the largest of some numbers near 1: later ones may be 65,504 times as large, and
  /// numbers keep all their digits down to 2⁻¹⁴.
  private static func scale(of rows: [Matrix<Double>]) -> Double {
    let largest = rows.reduce(0) { largest, block in
      block.elements.reduce(largest) { max($0, $1.magnitude) }
    }
    guard largest > 0, largest.isFinite else { return 1 }
    return Double(sign: .plus, exponent: -max(-1000, min(1000, largest.exponent)), significand: 1)
  }

  /// Compares gᵀ·(M·h) with hᵀ·(M·g) for pairs of the first rows.
  ///
  /// - Throws: ``IndexError/notSymmetric(method:one:other:)`` where they differ by more than an iteration's tolerance
  ///   and rounding explain.
  private func requireSymmetric(_ blocks: [Matrix<Double>], _ range: Range<Int>) throws {
    let sample = range.prefix(16)
    guard sample.count > 1 else { return }
    let gradients = try training.storedRows(sample.startIndex..<sample.endIndex)
    var rows = Matrix<Double>.zeros(sample.count, gradients.columns)
    for (block, columns) in zip(blocks, training.storedLayout.blocks.map(\.columns)) {
      rows.place(block.view[rows: 0..<sample.count], firstRow: 0, firstColumn: columns.lowerBound)
    }
    let products = Matrix(product: gradients.view, rows.transposed)
    let sizes = zip(gradients.view.squaredRowNorms(), rows.view.squaredRowNorms()).map {
      ($0 * $1).squareRoot()
    }
    for one in 0..<sample.count {
      for other in 0..<one {
        let (first, second) = (products[one, other], products[other, one])
        guard abs(first - second) <= 1e-2 * max(sizes[one], sizes[other]) else {
          throw IndexError.notSymmetric(
            method: estimators[0].name, one: first, other: second)
        }
      }
    }
  }
}
