public import Gradients
import LinearAlgebra

/// HyperINF: the second moment of each block's rows or columns, and nothing of the other side.
///
///     M = I ⊗ (R + λI)⁻¹          R = mean gᵀ·g (p × p), columns
///     M = (L + λI)⁻¹ ⊗ I          L = mean g·gᵀ (q × q), rows
///
/// Zhou, Fan and Jaggi, "HyperINF: Unleashing the HyperPower of the Schulz's Method for Data Influence Estimation"
/// (2024), for matrix-shaped blocks, g of q × p; a vector is q × 1. The inverse that the paper comes to by Schulz's
/// iteration is computed by its Cholesky factor. The published code adds 0.001 to the diagonal beside λ, which where
/// gradients are small is all that counts; it is not added here.
///
/// - Cost: 2np²q (columns) and p³/3 once; then 2p²q per query and 2mnd. Damping: added to the moment's diagonal.
public struct HyperINF: Estimator {
  /// The side whose second moment is taken.
  public enum Moment: String, Sendable, CaseIterable {
    /// R = mean gᵀ·g, `p × p`.
    case columns
    /// L = mean g·gᵀ, `q × q`.
    case rows
  }

  /// The side whose second moment is taken.
  public var moment: Moment

  /// `hyperinf`.
  public static let name = "hyperinf"
  /// What the method is, in one line.
  public static let summary = "second moment of each block's columns or rows alone"
  /// Formula, source and cost.
  public static let page: MethodPage? = MethodPage(
    formula: "M = I ⊗ (R + λI)⁻¹, R = mean gᵀg; with moment=rows (L + λI)⁻¹ ⊗ I, L = mean ggᵀ",
    source:
      "Zhou, Fan and Jaggi (2024, arXiv 2410.05090), by a Cholesky factor in the place of Schulz's iteration",
    cost: "2np²q and p³/3 once, then 2p²q per query and 2mnd",
    remark: "Blocks must be matrices.")
  /// The side.
  public static let declaredSettings: [MethodSetting<HyperINF>] = [
    .choice("moment", \.moment, usage: "moment=columns|rows")
  ]

  /// Makes the estimator.
  ///
  /// - Parameter moment: The side whose second moment is taken.
  public init(moment: Moment) { self.moment = moment }

  /// Makes the estimator with the columns' moment.
  public init() { self.init(moment: .columns) }

  /// True: the moment may have an inverse.
  public var allowsZeroDamping: Bool { true }
  /// The moment by one pass; it cannot be seen from K.
  public var querySide: (any QuerySideFit)? { QuerySide(moment: moment) }

  /// Requires blocks that are matrices or vectors.
  public func check(_ training: GradientStore) throws {
    for block in training.layout.blocks { _ = try block.matrixShape(neededBy: name) }
  }

  private struct QuerySide: QuerySideFit {
    let moment: Moment
    var needs: Set<Need> { [.ownFit] }
    var worksByExamples: Bool { true }

    /// The pass makes both moments, as Shampoo's does.
    func fittingWork(_ block: BlockShape) -> Work {
      var work = Work()
      work.addFactorsPass(block)
      let order = Double(order(of: block))
      work.doubleOperations = order * order * order / 3
      return work
    }

    /// 2pq times the order of the moment per query.
    func scoringWork(queries: Int, _ block: BlockShape) -> Work {
      var work = Work()
      work.doubleOperations = 2 * Double(queries * block.width) * Double(order(of: block))
      return work
    }

    /// The factor of the moment.
    func fittedBytes(_ block: BlockShape) -> Int {
      BlockNeeds.bytes(rows: order(of: block), columns: order(of: block))
    }

    /// Both moments, as the pass makes them.
    func fittingBytes(_ block: BlockShape) -> Int { block.factorBytes }

    private func order(of block: BlockShape) -> Int {
      moment == .rows ? block.matrixSides.q : block.matrixSides.p
    }

    func fit<Element: Scalar>(
      _ gram: BlockGram, pass: GradientPass<Element>
    ) throws -> any QuerySideOperator {
      let context = gram.context
      let moments = try pass.matrixMoments(of: context.block, neededBy: HyperINF.name)
      var damped = moment == .rows ? moments.outputGradients : moments.activations
      for index in 0..<damped.rows { damped[index, index] += context.lambda }
      do throws(FactorizationError) {
        return OneSidedOperator(
          moment: moment, factor: try Cholesky(factoring: damped),
          columns: moments.activations.rows)
      } catch {
        throw InfluenceError.factorization(block: context.name, method: HyperINF.name, error)
      }
    }
  }
}

/// x = v·(R + λI)⁻¹ or (L + λI)⁻¹·v of each query, a `q × p` matrix.
private struct OneSidedOperator: QuerySideOperator {
  let moment: HyperINF.Moment
  let factor: Cholesky<Double>
  /// p.
  let columns: Int

  func precondition<Element: Scalar>(
    _ queries: MatrixView<Element>, pass: GradientPass<Element>
  ) -> Preconditioned<Element> {
    let elements = Matrix<Double>(converting: queries).elements
    // All queries one above the other: mq × p, whose rows are solved for as they are.
    var stacked = Matrix(
      rows: elements.count / max(1, columns), columns: columns, elements: elements)
    switch moment {
    case .columns:
      factor.solve(rows: &stacked)
    case .rows:
      let outputs = factor.order
      var turned = Matrix(stacked.sideBySide(rowsEach: outputs).transposed)
      factor.solve(rows: &turned)
      stacked = Matrix(turned.transposed).piecesAsRows(columnsEach: columns)
    }
    return Preconditioned(
      rows: Matrix<Element>(
        converting: Matrix(
          rows: queries.rows, columns: queries.columns, elements: stacked.elements)))
  }
}
