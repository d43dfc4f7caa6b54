public import Gradients
public import TensorFiles

/// The shape of a run: how many examples and queries, in which blocks, stored how.
public struct RunShape: Sendable {
  /// The number of training examples n.
  public var exampleCount: Int
  /// The number of queries m.
  public var queryCount: Int
  /// The blocks.
  public var layout: BlockLayout
  /// How the numbers of each block are stored.
  public var elementTypes: [ElementType]
  /// Whether the store holds its rows' norms, so that they cost no pass.
  public var recordsNorms: Bool
  /// Whether a file of one shard holds the rows, so that equal types are read in place.
  public var isContiguous: Bool
  /// Blocks whose training gradients are all zero, as far as recorded norms tell.
  public var deadBlocks: Set<Int> = []
  /// What the model says of its curvature; nil where nothing is known.
  public var curvature: StoredCurvature?
  /// The factors that the training rows of each block are kept as; nil where they are kept as they are.
  public private(set) var factors: [BlockFactors?]
  /// The factors of the queries' rows; nil where they are kept as they are, or nothing is known of them.
  public private(set) var queryFactors: [BlockFactors?]
  /// Bytes of a row of factors; 0 in other blocks.
  private var factorBytes: [Int] = []

  /// A shape of given blocks.
  public init(
    exampleCount: Int, queryCount: Int, layout: BlockLayout, elementType: ElementType = .float32,
    recordsNorms: Bool = true
  ) {
    precondition(exampleCount > 0 && queryCount > 0, "\(exampleCount) rows, \(queryCount) queries")
    self.exampleCount = exampleCount
    self.queryCount = queryCount
    self.layout = layout
    elementTypes = layout.blocks.map { _ in elementType }
    factors = layout.blocks.map { _ in nil }
    queryFactors = factors
    self.recordsNorms = recordsNorms
    isContiguous = true
  }

  /// A shape of `columnCount` columns in `blockCount` equal blocks.
  ///
  /// - Parameters:
  ///   - exampleCount: n, from 1 up.
  ///   - queryCount: m, from 1 up.
  ///   - columnCount: D, a multiple of the number of blocks.
  ///   - blockCount: B, from 1 up.
  ///   - elementType: How the gradients are stored.
  public init(
    exampleCount: Int, queryCount: Int, columnCount: Int, blockCount: Int,
    elementType: ElementType = .float32
  ) {
    precondition(
      blockCount > 0 && columnCount > 0 && columnCount.isMultiple(of: blockCount),
      "\(columnCount) columns in \(blockCount) equal blocks")
    let width = columnCount / blockCount
    let layout = BlockLayout((0..<blockCount).map { (name: "block\($0)", shape: [width]) })
    self.init(
      exampleCount: exampleCount, queryCount: queryCount, layout: layout, elementType: elementType)
  }

  /// The shape of a run on a store; gradients are not read, but recorded norms are.
  ///
  /// - Parameters:
  ///   - training: The training gradients; must have rows.
  ///   - queryCount: How many queries will be scored.
  /// - Throws: ``InfluenceError/empty(source:)``, or an error from reading the norms.
  public init(training: GradientStore, queryCount: Int) throws {
    try training.requireRows()
    self.init(
      exampleCount: training.count, queryCount: queryCount, layout: training.layout,
      recordsNorms: training.recordsNorms)
    elementTypes = training.elementTypes
    isContiguous = training.manifests.count <= 1
    factors = layout.blocks.indices.map { training.factors(ofBlock: $0) }
    factorBytes = factors.enumerated().map { $1 == nil ? 0 : training.bytesPerRow(ofBlock: $0) }
    curvature = training.curvature
    guard recordsNorms else { return }
    let norms = try training.squaredNorms()
    deadBlocks = Set(
      layout.blocks.indices.filter { block in norms.norms(ofBlock: block).allSatisfy { $0 == 0 } })
  }

  /// The shape of a run on a store with given queries; neither's gradients are read.
  ///
  /// - Parameters:
  ///   - training: The training gradients; must have rows.
  ///   - queries: The queries, with the same blocks in any order.
  /// - Throws: As ``init(training:queryCount:)``.
  public init(training: GradientStore, queries: GradientStore) throws {
    try self.init(training: training, queryCount: queries.count)
    let places = Dictionary(
      uniqueKeysWithValues: queries.layout.blocks.enumerated().map { ($1.name, $0) })
    queryFactors = layout.blocks.map { block in
      places[block.name].flatMap { queries.factors(ofBlock: $0) }
    }
  }

  /// Bytes of the training gradients on disk.
  public var storeBytes: Int {
    layout.blocks.indices.reduce(0) { BlockNeeds.sum($0, storeBytes(ofBlock: $1)) }
  }

  /// Bytes of one block of the training gradients on disk.
  func storeBytes(ofBlock index: Int) -> Int {
    let rowBytes =
      factors[index] != nil
      ? factorBytes[index]
      : elementTypes[index].byteCount(ofBlockOfWidth: layout.blocks[index].width)
    return Int(min(0x1p61, Double(exampleCount) * Double(rowBytes)))
  }
}
