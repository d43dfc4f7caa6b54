import Foundation
public import Gradients
import LinearAlgebra
public import TensorFiles

/// TrackStar: the exact method between gradients that the optimizer's second moment has evened out, of unit length.
///
///     S = V·M·Gᵀ / √(vᵀMv · gᵢᵀMgᵢ)        M = D·(R + λ′I)⁻¹·D,   D = diag(1/(√v̂ + ε)),   R = D·H·D
///
/// Chang, Rajagopal, Bolukbasi, Dixon and Tenney, "Scalable Influence and Fact Tracing for Large Language Model
/// Pretraining" (ICLR 2025, arXiv 2410.17413): both sides are multiplied with R^(−1/2)·D and brought to unit length over all
/// blocks, so that a score is a cosine from −1 to 1 and an example's score on itself is 1. R belongs to a block, as in the
/// paper to a layer.
///
/// - D: the paper divides by the root of Adafactor's second moments. `correction=optimizer` takes Adam's v̂, with its bias
///   corrected, and ε from beside the gradients (`OptimizerMoments`); `gradients` the mean gᵢⱼ² of the training gradients,
///   where a column without gradients counts nothing; `none` takes D = I.
/// - H: F = GᵀG/n of the training gradients; with `queries=STORE` it is (1 − α)·F + α·QᵀQ/m with the gradients Q of that
///   store, as the paper mixes those of a task in, so that what all its queries share counts less. α is `share=`; the paper
///   chooses it so that some 1,000 directions count less, which is left to the user.
/// - λ′ is the same share of R's mean eigenvalue as λ is of F's: λ·tr(R)/tr(F). The paper names no damping.
/// - Projection: the paper projects corrected gradients of layers from both sides. A store can be projected, but not after a
///   correction by parameters: such a store takes `gradients` or `none`.
///
/// - Cost: as ``ExactFisher`` by d × d, with as much for Q; self-influence of all examples once.
public struct TrackStar: Estimator {
  /// What gradients are divided by, column by column.
  public enum Correction: String, Sendable, CaseIterable {
    /// √v̂ + ε of the optimizer.
    case optimizer
    /// The root of the training gradients' own second moments.
    case gradients
    /// Nothing.
    case none
  }

  /// `trackstar`.
  public static let name = "trackstar"
  /// What the method is, in one line.
  public static let summary = "exact between gradients that the optimizer evens out, of unit length"
  /// Formula, source and cost.
  public static let page: MethodPage? = MethodPage(
    formula: "S = vᵀMgᵢ/√(vᵀMv · gᵢᵀMgᵢ), summed over blocks before they are divided",
    "M = D·(DHD + λ′I)⁻¹·D, D = diag(1/(√v̂ + ε)), H = F or (1 − α)F + αQᵀQ/m, λ′ = λ·tr(DHD)/tr(F)",
    source:
      "Chang, Rajagopal, Bolukbasi, Dixon and Tenney (2024, arXiv 2410.17413), without its projection",
    cost: "as exact on the query side, and self-influence once",
    remark:
      "The self-influence of every example is 1. correction=gradients and none need no optimizer.")
  /// The correction, and the gradients that are mixed in.
  public static let declaredSettings: [MethodSetting<TrackStar>] = [
    .choice("correction", \.correction, usage: "correction=optimizer|gradients|none"),
    .path("queries", \.queries, usage: "queries=STORE, mixed in by"),
    .number("share", \.share, .betweenZeroAndOne, usage: "share=A", unrecorded: 0.99),
  ]

  /// What gradients are divided by.
  public var correction: Correction
  /// The store whose second moment is mixed into that of the training gradients; none unless given.
  public var queries: String? {
    didSet { opened = OpenedOnce() }
  }
  /// α, the share of that store, above 0 and below 1.
  public var share = 0.99
  /// The store at `queries`, which all blocks read.
  private var opened = OpenedOnce<GradientStore>()

  /// Makes the estimator.
  ///
  /// - Parameters:
  ///   - correction: What gradients are divided by.
  ///   - queries: A store whose second moment is mixed in.
  ///   - share: Its share, above 0 and below 1.
  public init(correction: Correction, queries: String? = nil, share: Double = 0.99) {
    self.correction = correction
    self.queries = queries
    self.share = share
  }

  /// Makes the estimator with the optimizer's second moments.
  public init() { self.init(correction: .optimizer) }

  /// What the optimizer knew, if that is the correction.
  public var inputs: Set<Need> { correction == .optimizer ? [.optimizerMoments] : [] }
  /// Both gradients are brought to unit length in the norm of M.
  public var normalization: ScoreNormalization { .bothSelfInfluences }
  /// The corrected F, factorised.
  public var querySide: (any QuerySideFit)? { QuerySide(method: self) }

  /// Requires the optimizer's moments and the store that is mixed in, if they are asked for.
  public func check(_ training: GradientStore) throws {
    if correction == .optimizer {
      try OptimizerMoments.check(
        training, for: name,
        otherwise: "choose \(name):correction=\(Correction.gradients.rawValue)")
    }
    _ = try mixture(for: training)
  }

  /// The optimizer's moments, and the store that is mixed in.
  public func inputRecords(on training: GradientStore) throws -> OrderedJSON {
    let own: OrderedJSON =
      correction == .optimizer
      ? try OptimizerMoments.required(by: name, beside: training).record : [:]
    guard let mixture = try mixture(for: training) else { return own }
    return own.adding(["queries": try mixture.record()])
  }

  /// The store that is mixed in, which must have the blocks of the training gradients.
  fileprivate func mixture(for training: GradientStore) throws -> GradientStore? {
    guard let queries else { return nil }
    let store = try opened.value { try GradientStore(opening: URL(filePath: queries)) }
    try store.requireRows()
    let widths = Dictionary(uniqueKeysWithValues: store.layout.blocks.map { ($0.name, $0.width) })
    for index in training.layout.blocks.indices {
      let members = training.members(ofBlock: index)
      for (member, columns) in zip(members, training.sourceColumns(ofBlock: index))
      where widths[member] != columns.count {
        throw InfluenceError.missingInput(
          method: name, source: queries,
          reason:
            "it has no block \(member) of \(columns.count) columns, as the training gradients have; take both from the same model and parameters"
        )
      }
    }
    guard store.projection == training.projection else {
      throw InfluenceError.missingInput(
        method: name, source: queries,
        reason: "it was not projected as the training gradients were; project both alike")
    }
    return store
  }

  private struct QuerySide: QuerySideFit {
    let method: TrackStar
    var needs: Set<Need> {
      method.inputs.union([.gramMatrix, .ownFit])
    }

    func fittingWork(_ block: BlockShape) -> Work {
      var work = Work()
      work.doubleOperations = OperationCount.cholesky(order: block.width)
      return work
    }

    func scoringWork(queries: Int, _ block: BlockShape) -> Work {
      .solving(queries: queries, order: block.width)
    }

    func fit<Element: Scalar>(
      _ gram: BlockGram, pass: GradientPass<Element>
    ) throws -> any QuerySideOperator {
      let context = gram.context
      let scales = try method.scales(of: gram, in: pass.store)
      var moment: Matrix<Double>
      if let mixture = try method.mixture(for: pass.store) {
        // Before F is copied: the sum of panels takes its room.
        moment = try mixture.secondMoment(ofColumnsOf: pass.store, block: context.index)
        moment.scale(by: method.share)
        moment.add(gram.matrix, scale: 1 - method.share)
      } else {
        moment = gram.matrix
      }
      moment.scaleRows(by: scales)
      moment.scaleColumns(by: scales)
      let trace = moment.diagonal.reduce(0, +)
      moment.addToDiagonal(context.lambda * trace / context.trace)
      do throws(FactorizationError) {
        return CorrectedOnQueries(scales: scales, factor: try Cholesky(factoring: moment))
      } catch {
        throw InfluenceError.factorization(block: context.name, method: TrackStar.name, error)
      }
    }
  }

  /// D of a block.
  private func scales(of gram: BlockGram, in training: GradientStore) throws -> [Double] {
    switch correction {
    case .none: return [Double](repeating: 1, count: gram.context.width)
    case .gradients:
      return gram.matrix.diagonal.map { $0 > 0 ? 1 / $0.squareRoot() : 0 }
    case .optimizer:
      return try OptimizerMoments.required(by: name, beside: training)
        .roots(ofBlock: gram.context.index, in: training).map { 1 / $0 }
    }
  }
}

/// X = V·D·(R + λ′I)⁻¹·D.
private struct CorrectedOnQueries: QuerySideOperator {
  let scales: [Double]
  let factor: Cholesky<Double>

  func precondition<Element: Scalar>(
    _ queries: MatrixView<Element>, pass: GradientPass<Element>
  ) -> Preconditioned<Element> {
    var rows = Matrix<Double>(converting: queries)
    rows.scaleColumns(by: scales)
    factor.solve(rows: &rows)
    rows.scaleColumns(by: scales)
    return Preconditioned(rows: Matrix<Element>(converting: rows))
  }
}

extension GradientStore {
  /// QᵀQ/m of this store by the columns of another's block, which may be a group.
  fileprivate func secondMoment(
    ofColumnsOf training: GradientStore, block: Int
  ) throws -> Matrix<Double> {
    let places = training.members(ofBlock: block).compactMap { name in
      layout.blocks.firstIndex { $0.name == name }
    }
    let width = training.layout.blocks[block].width
    var sum = SymmetricAccumulator(order: width)
    for rows in chunks(of: 256) {
      var gradients = Matrix<Double>.zeros(rows.count, width)
      var column = 0
      for place in places {
        gradients.place(
          try self.rows(rows, of: place, as: Double.self), firstRow: 0, firstColumn: column)
        column += layout.blocks[place].width
      }
      sum.add(gramOf: gradients.transposed)
    }
    var moment = sum.matrix()
    moment.scale(by: 1 / Double(count))
    try requireUnchanged()
    return moment
  }
}
