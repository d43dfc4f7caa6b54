public import Gradients

/// The shape of one block of training gradients: all that costs depend on.
public struct BlockShape: Sendable {
  /// The block's name and shape.
  public let block: Block
  /// The number of training examples n.
  public let exampleCount: Int
  /// What the model says of its curvature; nil where nothing is known.
  public let curvature: StoredCurvature?
  /// The factors that the training rows are kept as; nil where they are kept as they are.
  public let factors: BlockFactors?
  /// The factors that the queries are kept as; nil where they are kept as they are, or nothing is known.
  public let queryFactors: BlockFactors?

  /// Describes a block.
  public init(
    _ block: Block, exampleCount: Int, curvature: StoredCurvature? = nil,
    factors: BlockFactors? = nil, queryFactors: BlockFactors? = nil
  ) {
    self.block = block
    self.exampleCount = exampleCount
    self.curvature = curvature
    self.factors = factors
    self.queryFactors = queryFactors
  }

  /// Operations of K, from factors where that takes fewer.
  package var kernelOperations: Double {
    guard let factors, factors.paysForProducts(with: factors) else {
      return OperationCount.kernel(n: exampleCount, d: width)
    }
    return OperationCount.factoredKernel(n: exampleCount, factors)
  }

  /// Operations of C = V·Gᵀ of m queries, from factors where both have them and that takes fewer.
  package func crossOperations(queries: Int) -> Double {
    guard let factors, let queryFactors, factors.paysForProducts(with: queryFactors) else {
      return OperationCount.products(m: queries, n: exampleCount, d: width)
    }
    return OperationCount.factoredProducts(m: queries, n: exampleCount, queryFactors, factors)
  }

  /// The number of columns d.
  public var width: Int { block.width }
  /// The order of K or F.
  func order(on side: Side) -> Int { side == .score ? exampleCount : width }
}

/// What a step of a run on one block reads and computes: leading terms, a multiplication and an addition
/// counted as two operations.
public struct Work: Sendable, Hashable {
  /// How often the training gradients of the block are read.
  public var passes = 0
  /// Operations of products of 16 rows or more with training gradients, in the precision of products.
  public var gradientOperations = 0.0
  /// Operations of products of fewer than 16 rows with training gradients, in that precision.
  public var skinnyGradientOperations = 0.0
  /// Operations of products with training gradients in double precision, whatever that of products is.
  public var doubleGradientOperations = 0.0
  /// Operations of other products in that precision.
  public var productOperations = 0.0
  /// Operations of other products of fewer than 16 rows in that precision.
  public var skinnyOperations = 0.0
  /// Operations in double precision.
  public var doubleOperations = 0.0
  /// Numbers of matrices in the precision of products that go through memory.
  public var productNumbers = 0.0
  /// Numbers of matrices in double precision that go through memory.
  public var doubleNumbers = 0.0

  /// No work.
  public init() {}

  /// Adds one reading of the block, and products with its rows.
  ///
  /// - Parameters:
  ///   - block: The block.
  ///   - operations: Of all products of the pass.
  ///   - rows: How many rows meet the gradients at a time; fewer than 16 are multiplied more slowly.
  public mutating func addPass(_ block: BlockShape, operations: Double, rows: Int) {
    passes += 1
    if rows < 16 {
      skinnyGradientOperations += operations
    } else {
      gradientOperations += operations
    }
  }

  /// Adds one reading of the block in which `rows` rows are multiplied with it, `products` times.
  public mutating func addPass(_ block: BlockShape, products: Int, rows: Int) {
    addPass(
      block,
      operations: Double(products)
        * OperationCount.products(m: rows, n: block.exampleCount, d: block.width), rows: rows)
  }

  /// Adds one reading of the block in which `rows` rows are multiplied with it in double precision.
  ///
  /// - Parameters:
  ///   - block: The block.
  ///   - products: How often.
  ///   - rows: How many rows meet the gradients at a time.
  public mutating func addDoublePass(_ block: BlockShape, products: Int, rows: Int) {
    passes += 1
    let count = OperationCount.products(m: rows, n: block.exampleCount, d: block.width)
    doubleGradientOperations += Double(products) * count
    // Converted, unless they are stored so.
    doubleNumbers += Double(block.exampleCount) * Double(block.width)
  }

  /// Adds products of `rows` rows with a matrix, in the precision of products.
  public mutating func addProducts(rows: Int, operations: Double) {
    if rows < 16 { skinnyOperations += operations } else { productOperations += operations }
  }

  /// Adds other work, several times over.
  public mutating func add(_ other: Work, times: Int = 1) {
    let count = Double(times)
    passes += times * other.passes
    gradientOperations += count * other.gradientOperations
    skinnyGradientOperations += count * other.skinnyGradientOperations
    doubleGradientOperations += count * other.doubleGradientOperations
    productOperations += count * other.productOperations
    skinnyOperations += count * other.skinnyOperations
    doubleOperations += count * other.doubleOperations
    productNumbers += count * other.productNumbers
    doubleNumbers += count * other.doubleNumbers
  }
}
