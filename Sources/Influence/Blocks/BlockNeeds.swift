import Gradients

/// What several methods together need of one block, from shapes alone: sides, Gram matrices, memory.
///
/// A fit forms it and a plan counts it, so that a plan cannot differ from the run.
struct BlockNeeds: Sendable {
  /// The block's shape.
  let shape: BlockShape
  /// Whether all training gradients are zero in the block, so that nothing is fitted.
  let isDead: Bool
  /// One choice per estimator.
  let choices: [CostModel.Choice]
  /// The estimators, with those that work by passes in the place of those whose matrices do not fit.
  let estimators: [any Estimator]
  /// What each method divides its scores by.
  let normalizations: [ScoreNormalization]
  /// Whether K is formed.
  let needsKernel: Bool
  /// Whether F is formed.
  let needsFisher: Bool
  /// On which sides K + nλI or F + λI is factorised in single precision.
  let singleSides: Set<Side>
  /// Bytes that stay in memory while the block is fitted; at most 2⁶², and none where they are mapped.
  let bytes: Int
  /// Bytes of the block's matrices, wherever they are; at most 2⁶².
  let formedBytes: Int
  /// Bytes that fitting takes beside them, and gives back; at most 2⁶².
  let passingBytes: Int
  /// The methods that need a Gram matrix, or make matrices of their own, where they are fitted.
  let matrixMethods: [String]

  /// Chooses sides.
  ///
  /// - Parameters:
  ///   - shape: The block.
  ///   - isDead: Whether all gradients are zero, so that nothing is fitted.
  ///   - estimators: The methods that are fitted together.
  ///   - options: Sides that were asked for, certificate, memory.
  init(
    of shape: BlockShape, isDead: Bool, for estimators: [any Estimator], options: CurvatureOptions
  ) {
    guard !isDead else {
      self.init(
        of: shape, isDead: true,
        for: estimators.map { ($0, CostModel.Choice(side: .score, reason: "dead")) },
        certifies: false)
      return
    }
    func choice(_ estimator: any Estimator, hasKernel: Bool) -> CostModel.Choice {
      options.costModel.side(
        for: estimator, exampleCount: shape.exampleCount, block: shape.block,
        factors: shape.factors, hasKernel: hasKernel, certifies: options.certifies)
    }
    // An estimator that needs the kernel makes it free for those that only profit from it.
    let someTakeKernel = estimators.contains {
      $0.needs(on: .score).takesGram && choice($0, hasKernel: false).side == .score
    }
    let preferred = estimators.map { ($0, choice($0, hasKernel: someTakeKernel)) }
    let mayBeSingle = Side.allCases.filter {
      Self.mayBeSingle(order: shape.order(on: $0), width: shape.width, options)
    }
    let needs = Self(
      of: shape, isDead: false, for: preferred, certifies: options.certifies,
      mayBeSingle: mayBeSingle)
    guard needs.peakBytes > options.matrixBudget else {
      self = needs
      return
    }
    // The largest order at which all the methods' matrices fit together.
    let perEntry = Double(8 * (2 + estimators.count))
    let largest = Int((Double(max(0, options.matrixBudget)) / perEntry).squareRoot())
    let fitting = estimators.map { estimator in
      let instead = options.costModel.sideInMemory(
        for: estimator, exampleCount: shape.exampleCount, block: shape.block,
        largestOrder: largest)
      return (estimator, instead ?? choice(estimator, hasKernel: someTakeKernel))
    }
    self.init(
      of: shape, isDead: false, for: fitting, certifies: options.certifies,
      mayBeSingle: mayBeSingle)
  }

  /// Whether K + nλI or F + λI of an order may be factorised in single precision (``DampedSolver``).
  private static func mayBeSingle(order: Int, width: Int, _ options: CurvatureOptions) -> Bool {
    guard options.solvesInSingle, options.precision == .single, !options.reduction.isShared,
      order >= DampedSolver.smallestOrder, case .relative(let share) = options.damping
    else { return false }
    // λ = share · tr(F)/d.
    return Double(width) <= share * DampedSolver.largestCondition
  }

  /// Takes sides that were chosen before.
  ///
  /// - Parameters:
  ///   - shape: The block.
  ///   - isDead: Whether all gradients are zero, so that nothing is fitted.
  ///   - pairs: The methods, with their sides.
  ///   - certifies: Whether residuals are wanted.
  ///   - mayBeSingle: On which sides a factor may be in single precision.
  ///   - isMapped: Whether the matrices lie in files, whose pages the system takes back.
  init(
    of shape: BlockShape, isDead: Bool, for pairs: [(any Estimator, CostModel.Choice)],
    certifies: Bool, mayBeSingle: [Side] = [], isMapped: Bool = false
  ) {
    self.shape = shape
    self.isDead = isDead
    choices = pairs.map(\.1)
    normalizations = pairs.map(\.0.normalization)
    estimators = pairs.map { $1.isByPasses ? $0.withoutMatrices ?? $0 : $0 }
    let users = pairs.filter { !$0.1.isByPasses && $0.0.needs(on: $0.1.side).takesGram }
    let onScores = users.count { $0.1.side == .score }
    let onQueries = users.count - onScores
    let own = pairs.compactMap { estimator, choice -> (name: String, bytes: Int, passing: Int)? in
      guard !isDead, !choice.isByPasses, let fit = estimator.fit(on: choice.side) else {
        return nil
      }
      let bytes = fit.fittedBytes(shape)
      return bytes > 0 ? (estimator.name, bytes, fit.fittingBytes(shape)) : nil
    }
    matrixMethods = users.map { $0.0.name } + own.map(\.name)
    let wantsKernel = certifies && pairs.contains { $0.1.side == .score }
    needsKernel = !isDead && (onScores > 0 || wantsKernel)
    needsFisher = !isDead && onQueries > 0
    let singleSides = Set(
      mayBeSingle.filter { side in
        let onSide = users.filter { $0.1.side == side }
        return !isDead && onSide.count == 1
          && onSide.allSatisfy {
            $0.0.normalization == .none && $0.0.fit(on: side)?.solvesInSingle == true
          }
      })
    self.singleSides = singleSides
    // The Gram matrix itself, and a factor of its size for each method.
    let (n, d) = (shape.exampleCount, shape.width)
    func matrices(_ side: Side, users: Int) -> Double {
      singleSides.contains(side) ? (certifies ? 1.5 : 0.5) : 1 + Double(users)
    }
    let gramBytes = Self.sum(
      needsKernel ? Self.bytes(order: n, matrices: matrices(.score, users: onScores)) : 0,
      needsFisher ? Self.bytes(order: d, matrices: matrices(.query, users: onQueries)) : 0)
    formedBytes = Self.sum(gramBytes, own.reduce(0) { Self.sum($0, $1.bytes) })
    // The sum of panels, half a matrix and more, before it is a matrix.
    let panels = Self.sum(
      needsKernel ? Self.bytes(order: n, matrices: 0.75) : 0,
      needsFisher ? Self.bytes(order: d, matrices: 0.75) : 0)
    bytes = isMapped ? 0 : formedBytes
    // Methods are fitted one after the other, once K and F are there.
    passingBytes = isMapped ? 0 : max(panels, own.map(\.passing).max() ?? 0)
  }

  /// Whether what methods solve with on a side is factorised in single precision.
  func solvesInSingle(on side: Side) -> Bool { singleSides.contains(side) }

  /// How near to the exact scores the method in a place means to come on its side; nil where it approximates.
  func aim(of place: Int) -> Aim? { estimators[place].fit(on: choices[place].side)?.aim }

  /// How often a fit reads the block: for K, for F, and for what methods make by passes of their own.
  var fittingPasses: Int {
    guard !isDead else { return 0 }
    return (needsKernel ? 1 : 0) + (needsFisher ? 1 : 0)
      + zip(estimators, choices).reduce(0) {
        $0 + ($1.0.fit(on: $1.1.side)?.fittingWork(shape).passes ?? 0)
      }
  }

  /// What of the Gram matrix of a side is read once the block is fitted.
  ///
  /// - Parameters:
  ///   - side: Which Gram matrix.
  ///   - certifies: Whether certificates read it.
  ///   - precision: The precision of products: in double precision K or F itself serves for products.
  func parts(on side: Side, certifies: Bool, precision: CurvatureOptions.Precision) -> Set<Need> {
    guard side == .score ? needsKernel : needsFisher else { return [] }
    var parts: Set<Need> = certifies ? [.gramMatrix] : []
    for (estimator, choice) in zip(estimators, choices) where choice.side == side {
      parts.formUnion(estimator.needs(on: side).filter(\.isOfGram))
    }
    if precision == .double, parts.remove(.gramInProductPrecision) != nil {
      parts.insert(.gramMatrix)
    }
    return parts
  }

  /// Whether a method iterates by passes, with directions as large as the queries.
  var isIterated: Bool {
    zip(estimators, choices).contains { $0.needs(on: $1.side).contains(.iteration) }
  }

  /// Whether the block's scores can be made some examples at a time.
  var worksByExamples: Bool {
    guard !isDead else { return true }
    return !needsKernel
      && zip(zip(estimators, choices), normalizations).allSatisfy { pair, normalization in
        pair.0.fit(on: pair.1.side)?.worksByExamples == true && normalization.worksByExamples
      }
  }

  /// Bytes that self-influence takes beside what is fitted.
  var measuringBytes: Int {
    guard !isDead else { return 0 }
    return zip(estimators, choices).reduce(0) { most, pair in
      guard pair.1.side == .query, let fit = pair.0.querySide else { return most }
      return max(most, fit.measuringBytes(shape))
    }
  }

  /// Bytes while the block is being fitted.
  var peakBytes: Int { Self.sum(bytes, passingBytes) }

  /// Refuses a fit one of whose blocks does not fit in memory by itself.
  ///
  /// - Throws: ``InfluenceError/tooLarge(block:method:order:bytes:budget:)``.
  static func check(_ blocks: [BlockNeeds], against budget: Int) throws(InfluenceError) {
    for block in blocks where block.bytes > 0 && block.peakBytes > budget {
      throw .tooLarge(
        block: block.shape.block.name,
        method: block.matrixMethods.isEmpty
          ? "certificate" : block.matrixMethods.joined(separator: ", "),
        order: block.shape.order(on: block.needsKernel ? .score : .query), bytes: block.peakBytes,
        budget: budget)
    }
  }

  /// Bytes of all blocks together.
  static func total(_ blocks: [BlockNeeds]) -> Int { blocks.reduce(0) { sum($0, $1.bytes) } }

  /// A sum that stays at 2⁶² rather than overflow: more than any memory.
  static func sum(_ a: Int, _ b: Int) -> Int { min(1 << 62, min(a, 1 << 61) + min(b, 1 << 61)) }

  /// Bytes of a matrix in double precision; at most 2⁶¹.
  static func bytes(rows: Int, columns: Int) -> Int {
    Int(min(0x1p61, 8 * Double(rows) * Double(columns)))
  }

  private static func bytes(order: Int, matrices: Double) -> Int {
    Int(min(0x1p61, 8 * Double(order) * Double(order) * matrices))
  }
}
