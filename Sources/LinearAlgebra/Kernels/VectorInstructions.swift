internal import CKernels
internal import Foundation

/// The instructions that products of a few vectors are run with.
package enum VectorInstructions: String, CaseIterable, Sendable {
  /// Those that every processor of the platform has; they read `Float` alone.
  case portable
  /// Eight floats at a time.
  case avx2
  /// Sixteen floats at a time.
  case avx512

  /// The most capable ones that this processor has, or those that the environment's
  /// `INFLUENCE_INSTRUCTIONS` names, where it has them.
  package static let chosen: VectorInstructions = {
    let asked = ProcessInfo.processInfo.environment["INFLUENCE_INSTRUCTIONS"]
    let named = asked.flatMap(VectorInstructions.init(rawValue:))
    return named.flatMap { available.contains($0) ? $0 : nil } ?? available[available.count - 1]
  }()

  /// Those that this processor has, the most capable last.
  package static let available = allCases.filter {
    $0.code.rawValue <= influence_best_instructions().rawValue
  }

  var code: influence_instructions {
    switch self {
    case .portable: influence_portable
    case .avx2: influence_avx2
    case .avx512: influence_avx512
    }
  }
}
