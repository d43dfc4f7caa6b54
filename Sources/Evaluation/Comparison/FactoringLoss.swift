public import Gradients
import LinearAlgebra

/// What a factored copy of gradients has lost: of the rows themselves, and of the order of scores on sampled rows.
///
/// Some rows take the part of queries, others that of training examples; a row never meets itself. Exact and
/// DataInf's scores are of both stores by themselves, each with λ = 0.1 · tr(F)/d of every block of its own sample, as a
/// user of the copy would have them.
public struct FactoringLoss: Sendable {
  /// What is kept of a block.
  public struct Block: Sendable {
    /// The block.
    public let name: String
    /// Its factors; nil where it is kept as it is.
    public let factors: BlockFactors?
    /// How much of its rows is kept.
    public let fidelity: BlockFidelity
    /// Rows that are zero in the copy and were not in the source.
    public let rowsMadeZero: [Int]
  }

  /// Every block, in the layout's order.
  public let blocks: [Block]
  /// How exact scores agree; nil where there are fewer than three rows, or all are zero.
  public private(set) var exact: ScoreAgreement?
  /// How DataInf's scores agree.
  public private(set) var dataInf: ScoreAgreement?
  /// How inner products agree.
  public private(set) var innerProduct: ScoreAgreement?
  /// Examples that count as the top: 10, or all where there are fewer.
  public let topCount: Int
  /// Rows that took the part of queries: up to 32, but no more than half.
  public let queries: Int
  /// Rows that took the part of training examples: up to 168.
  public let examples: Int

  /// How much of all rows is kept.
  public var total: BlockFidelity { BlockFidelity.total(of: blocks.map(\.fidelity)) }

  /// Compares a factored store with what it was made of.
  ///
  /// - Parameters:
  ///   - copy: The factored store.
  ///   - source: The gradients, with the same rows and blocks.
  ///   - seed: Decides which rows are sampled.
  /// - Throws: An error from reading a store, or `EvaluationError` for scores that are not finite.
  /// - Complexity: 2·10⁵ · D operations in double precision; reads the sampled rows, and all where nobody recorded the
  ///   source's norms.
  public init(of copy: GradientStore, from source: GradientStore, seed: UInt64 = 0) throws {
    precondition(
      copy.count == source.count && copy.layout == source.layout, "stores of different rows")
    let fidelity =
      copy.factorFidelity ?? source.layout.blocks.map { _ in BlockFidelity() }
    let norms = (before: try source.squaredNorms(), after: try copy.squaredNorms())
    blocks = source.layout.blocks.enumerated().map { index, block in
      let pairs = zip(norms.before.norms(ofBlock: index), norms.after.norms(ofBlock: index))
      return Block(
        name: block.name, factors: copy.factors?.blocks[index], fidelity: fidelity[index],
        rowsMadeZero: pairs.enumerated().compactMap { row, norms in
          norms.0 > 0 && norms.1 == 0 ? row : nil
        })
    }
    queries = min(32, source.count / 2)
    let sample = GradientSample.rows(queries + 168, of: source.count, seed: seed)
    let parts = SampledGram.Parts(queries: 0..<queries, examples: queries..<sample.count)
    examples = parts.examples.count
    topCount = min(10, examples)
    guard source.count >= 3 else { return }
    var sums = (before: SampledScores(parts), after: SampledScores(parts))
    for (index, block) in source.layout.blocks.enumerated() {
      let before = try SampledGram(block: index, of: source, rows: sample)
      let after = try SampledGram(block: index, of: copy, rows: sample)
      try before.scores(parts, width: block.width).map { sums.before.add($0) }
      try after.scores(parts, width: block.width).map { sums.after.add($0) }
    }
    let share = Double(topCount) / Double(examples)
    func agreement(_ path: KeyPath<SampledScores, Matrix<Double>>) throws -> ScoreAgreement {
      try ScoreAgreement(
        of: sums.after[keyPath: path], with: sums.before[keyPath: path], topFraction: share)
    }
    exact = try agreement(\.exact)
    dataInf = try agreement(\.dataInf)
    innerProduct = try agreement(\.innerProduct)
  }
}

extension SampledGram {
  /// Inner products of sampled rows as they are read, some columns at a time.
  init(block: Int, of store: GradientStore, rows: [Int]) throws {
    var products = Matrix<Double>.zeros(rows.count, rows.count)
    for columns in GradientSample.tiles(ofBlock: block, of: store) {
      let numbers = try GradientSample.gather(rows, of: block, columns: columns, from: store)
      products.add(product: numbers.view, numbers.transposed)
    }
    self.init(products: products)
  }
}
