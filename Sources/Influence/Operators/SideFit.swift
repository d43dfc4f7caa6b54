public import LinearAlgebra

/// How a method is fitted to one block on one side: what that needs, what it costs, and the fit itself.
public protocol SideFit: Sendable {
  /// What the fit takes; the norms of the gradients are always there.
  var needs: Set<Need> { get }
  /// How near to the exact scores the fit means to come; nil where it approximates.
  ///
  /// What aims at the exact scores is measured in double precision when certificates are asked for.
  var aim: Aim? { get }
  /// Whether scores may be solved for by a factor in single precision, where
  /// ``CurvatureOptions/solvesInSingle`` allows it.
  var solvesInSingle: Bool { get }
  /// The work of fitting, beside that of what ``needs`` names.
  func fittingWork(_ block: BlockShape) -> Work
  /// The work of `queries` queries on the fitted block.
  ///
  /// On the score side C is given, and the work leads to the scores. On the query side the work leads
  /// to X, or to the scores where the side gives them itself.
  func scoringWork(queries: Int, _ block: BlockShape) -> Work
  /// The work of gᵢᵀ·M·gᵢ or ‖M·gᵢ‖² for all n training examples of the fitted block.
  func measuringWork(_ quantity: ExampleQuantity, _ block: BlockShape) -> Work
  /// Bytes of what ``Need/ownFit`` holds.
  func fittedBytes(_ block: BlockShape) -> Int
  /// Bytes that fitting takes beside them, and gives back.
  func fittingBytes(_ block: BlockShape) -> Int
  /// Whether neither the fit nor an answer takes memory for each training example, so that the scores of very many
  /// can be made some examples at a time.
  ///
  /// On the query side X is all that is kept of a query then, and S = X·Gᵀ; on the score side a score depends on its
  /// own product alone.
  var worksByExamples: Bool { get }
}

/// A fit on the score side.
public protocol ScoreSideFit: SideFit {
  /// Whether ``ScoreSideOperator/selfInfluence(kernel:)`` asks for K.
  var measuresWithKernel: Bool { get }

  /// Fits one block.
  ///
  /// - Parameters:
  ///   - gram: The block, with K where ``SideFit/needs`` asks for it.
  ///   - precision: The type that products run in.
  func fit<Element: Scalar>(
    _ gram: BlockGram, precision: Element.Type
  ) throws -> any ScoreSideOperator
}

/// A fit on the query side.
public protocol QuerySideFit: SideFit {
  /// Whether X comes with C, from the same pass.
  var leavesProducts: Bool { get }
  /// Whether X comes with the scores and the residual, so that no pass follows.
  var givesScores: Bool { get }
  /// Bytes that ``QuerySideOperator/selfInfluence(pass:memory:)`` takes beside what is fitted.
  func measuringBytes(_ block: BlockShape) -> Int

  /// Fits one block.
  ///
  /// - Parameters:
  ///   - gram: The block, with F where ``SideFit/needs`` asks for it.
  ///   - pass: Products with the training gradients of the block.
  func fit<Element: Scalar>(
    _ gram: BlockGram, pass: GradientPass<Element>
  ) throws -> any QuerySideOperator
}

extension SideFit {
  /// False: what is fitted is in double precision.
  public var solvesInSingle: Bool { false }
  /// Nil: the method is an approximation.
  public var aim: Aim? { nil }
  /// No work: nothing is computed beside what ``needs`` names.
  public func fittingWork(_ block: BlockShape) -> Work { Work() }
  /// No work: queries only meet the training gradients.
  public func scoringWork(queries: Int, _ block: BlockShape) -> Work { Work() }
  /// Zero: a negligible amount of memory.
  public func fittedBytes(_ block: BlockShape) -> Int { 0 }
  /// Zero: a negligible amount of memory.
  public func fittingBytes(_ block: BlockShape) -> Int { 0 }
  /// False: scores are made of all examples at once.
  public var worksByExamples: Bool { false }
}

extension ScoreSideFit {
  /// False: self-influence comes from what is fitted.
  public var measuresWithKernel: Bool { false }
  /// That of n queries, whose products K is kept.
  public func measuringWork(_ quantity: ExampleQuantity, _ block: BlockShape) -> Work {
    scoringWork(queries: block.exampleCount, block)
  }
}

extension QuerySideFit {
  /// False: X alone.
  public var leavesProducts: Bool { false }
  /// False: a pass turns X into scores.
  public var givesScores: Bool { false }
  /// Zero: a negligible amount of memory.
  public func measuringBytes(_ block: BlockShape) -> Int { 0 }
  /// That of the training examples, taken as queries.
  public func measuringWork(_ quantity: ExampleQuantity, _ block: BlockShape) -> Work {
    workOfExamplesAsQueries(block)
  }

  /// One reading of the training examples, 256 of which are queries at a time.
  func workOfExamplesAsQueries(_ block: BlockShape) -> Work {
    var work = Work()
    work.addPass(block, operations: 0, rows: 1)
    let (sets, rest) = block.exampleCount.quotientAndRemainder(dividingBy: 256)
    work.add(scoringWork(queries: 256, block), times: sets)
    if rest > 0 { work.add(scoringWork(queries: rest, block)) }
    return work
  }
}

/// What is summed over blocks for each training example.
public enum ExampleQuantity: Sendable {
  /// gᵢᵀ·M·gᵢ.
  case selfInfluence
  /// ‖M·gᵢ‖².
  case squaredChange
}
