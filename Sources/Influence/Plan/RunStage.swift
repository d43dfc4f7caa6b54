/// What one stage of a run reads and computes.
public struct RunStage: Sendable, Hashable {
  /// A stage.
  public enum Name: String, Sendable, CaseIterable {
    /// The norms of the gradients, where they were not recorded.
    case norms
    /// Gram matrices and what is made of them.
    case fit
    /// Products with queries, solutions, certificates.
    case score
  }

  /// Which stage.
  public let name: Name
  /// Bytes of the store that are read, in all passes together.
  public private(set) var storeBytes: Double = 0
  /// Bytes that go through memory: the store's, converted copies of them, matrices.
  public private(set) var memoryBytes: Double = 0
  /// Operations of products with gradients.
  public private(set) var gradientOperations: Double = 0
  /// Operations of large products, in the precision of products.
  public private(set) var productOperations: Double = 0
  /// Operations of products of fewer than 16 rows, in that precision.
  public private(set) var skinnyOperations: Double = 0
  /// Operations in double precision: factorizations, solutions, certificates.
  public private(set) var doubleOperations: Double = 0

  /// All operations.
  public var operations: Double { productOperations + skinnyOperations + doubleOperations }

  init(_ name: Name) { self.name = name }

  /// Adds work on one block.
  ///
  /// - Parameters:
  ///   - work: The work.
  ///   - storeBytes: Bytes of one reading of the block, as they are stored.
  ///   - passBytes: Bytes of one reading through memory.
  ///   - elementBytes: Bytes of a number in the precision of products.
  mutating func add(
    _ work: Work, storeBytes block: Double, passBytes: Double, elementBytes: Double
  ) {
    let passes = Double(work.passes)
    storeBytes += passes * block
    memoryBytes +=
      passes * passBytes + elementBytes * work.productNumbers + 8 * work.doubleNumbers
    gradientOperations +=
      work.gradientOperations + work.skinnyGradientOperations + work.doubleGradientOperations
    productOperations += work.gradientOperations + work.productOperations
    skinnyOperations += work.skinnyGradientOperations + work.skinnyOperations
    doubleOperations += work.doubleOperations + work.doubleGradientOperations
  }

  /// Adds what another stage does, several times over.
  mutating func add(_ other: RunStage, times: Double) {
    storeBytes += times * other.storeBytes
    memoryBytes += times * other.memoryBytes
    gradientOperations += times * other.gradientOperations
    productOperations += times * other.productOperations
    skinnyOperations += times * other.skinnyOperations
    doubleOperations += times * other.doubleOperations
  }
}
