import ArgumentParser
import InfluenceKit

/// The lengths of gradients that a command scores with.
struct NormalizeOption: ParsableArguments {
  enum Length: String, CaseIterable, ExpressibleByArgument {
    case none
    case unit
  }

  @Option(
    "The length of gradients: unit, with which METHOD is unit:base=METHOD, or none, as they are.",
    value: "length")
  var normalize: Length = .none

  /// The method that scores as was asked for.
  ///
  /// - Parameter specification: The method that was named, with its settings.
  /// - Throws: A usage error where that reads no gradients.
  func method(_ specification: String) throws -> String {
    guard normalize == .unit else { return specification }
    if let method = try RepresentationCatalog.method(specification) {
      throw ValidationError(
        "--normalize unit is of gradients, and \(method.name) reads representations: leave it out")
    }
    return UnitNormalized.specification(base: specification)
  }
}
