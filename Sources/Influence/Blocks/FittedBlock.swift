import Gradients
import LinearAlgebra

/// The estimators fitted to one block.
struct FittedBlock: Sendable {
  enum Operator: Sendable {
    case score(any ScoreSideOperator)
    case query(any QuerySideOperator)
  }

  let needs: BlockNeeds
  let context: BlockContext
  let operators: [Operator]
  /// What of K and F is kept beside what the operators hold: K for certificates, or all for a fit that is
  /// written to files.
  let grams: [Side: BlockGram]
  /// Whether K and F were formed twice: what was not positive definite in single precision is so in double.
  let isRefitted: Bool

  /// Fits a block to gradients: K and F once for all methods, each by one pass, then each method.
  ///
  /// Where a factorization fails in single precision, K and F are formed again in double precision.
  ///
  /// - Parameters:
  ///   - needs: What is formed, and on which sides.
  ///   - context: The block's norms and damping.
  ///   - certifies: Whether K is kept for certificates.
  ///   - keepsGrams: Whether K and F are kept, with what was computed from them.
  ///   - pass: Products with the training gradients of the block.
  init<Element: Scalar>(
    _ needs: BlockNeeds, _ context: BlockContext, certifies: Bool, keepsGrams: Bool,
    pass: GradientPass<Element>
  ) throws {
    func grams<Number: Scalar>(by pass: GradientPass<Number>) throws -> [Side: BlockGram] {
      func gram(_ side: Side) throws -> BlockGram {
        if needs.solvesInSingle(on: side), Number.self == Float.self {
          return try BlockGram(
            context: context, side: side,
            solvingInSingle: try side == .score ? pass.kernelSum() : pass.secondMomentSum(),
            keepsMatrix: certifies)
        }
        let isNeeded = side == .score ? needs.needsKernel : needs.needsFisher
        return try BlockGram(
          context: context, side: side,
          matrix: isNeeded ? try side == .score ? pass.kernel() : pass.fisher() : nil)
      }
      return [.score: try gram(.score), .query: try gram(.query)]
    }
    do {
      try self.init(
        needs, context, grams(by: pass), certifies: certifies, keepsGrams: keepsGrams, pass: pass)
    } catch InfluenceError.factorization where Element.self == Float.self {
      try self.init(
        needs, context, grams(by: pass.inDouble), certifies: certifies, keepsGrams: keepsGrams,
        isRefitted: true, pass: pass)
    }
  }

  /// Fits a block to its Gram matrices, or to what was computed from them before.
  init<Element: Scalar>(
    _ needs: BlockNeeds, _ context: BlockContext, _ grams: [Side: BlockGram], certifies: Bool,
    keepsGrams: Bool = false, isRefitted: Bool = false, pass: GradientPass<Element>
  ) throws {
    self.needs = needs
    self.context = context
    self.isRefitted = isRefitted
    self.grams =
      keepsGrams
      ? grams : grams.filter { certifies && $0.key == .score && $0.value.parts.matrix != nil }
    guard !context.isDead else {
      operators = []
      return
    }
    // The query side multiplies by λ and by 1/λ in the precision of products.
    let lambda = Element(context.lambda)
    guard
      !needs.choices.contains(where: { $0.side == .query })
        || context.lambda == 0 || (lambda.isNormal && (1 / lambda).isNormal)
    else { throw InfluenceError.outOfRange(block: context.name) }
    operators = try zip(needs.estimators, needs.choices).map { estimator, choice in
      guard let gram = grams[choice.side] else { preconditionFailure("a side has a Gram matrix") }
      if choice.side == .score, let fit = estimator.scoreSide {
        return .score(try fit.fit(gram, precision: Element.self))
      }
      guard choice.side == .query, let fit = estimator.querySide else {
        preconditionFailure("\(estimator.name) has no \(choice.side.rawValue) side")
      }
      return .query(try fit.fit(gram, pass: pass))
    }
  }

  /// K, where it is kept for certificates.
  var kernel: BlockGram? { grams[.score] }

  /// Refuses results that are NaN or infinite: the gradients were finite, so products overflowed.
  func checkFinite(_ numbers: [Double]) throws(InfluenceError) {
    guard numbers.allSatisfy(\.isFinite) else { throw .outOfRange(block: context.name) }
  }
}
