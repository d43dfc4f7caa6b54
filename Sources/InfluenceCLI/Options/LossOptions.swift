import ArgumentParser
import InfluenceKit

/// Whether a narrower type may destroy a block.
struct LossOptions: ParsableArguments {
  @Flag(help: "Store numbers as --dtype even where a block is destroyed by it.")
  var allowLoss = false

  /// Measures what a type loses before anything is written.
  ///
  /// - Parameters:
  ///   - source: What will be stored.
  ///   - type: How; nil, or a type that holds every number, loses nothing.
  /// - Returns: Nil where nothing is lost.
  /// - Throws: `EvaluationError.destroysBlock` unless that is allowed; then it is a warning.
  func loss(storing source: GradientStore, as type: ElementType?) throws -> PrecisionLoss? {
    guard let type, !type.holds(source.sufficientElementType) else { return nil }
    let loss = try PrecisionLoss(storing: source, as: type)
    do throws(EvaluationError) {
      try loss.requireBlocksKept()
    } catch {
      guard allowLoss else { throw error }
      Console.warn(["\(error)"])
    }
    return loss
  }
}
