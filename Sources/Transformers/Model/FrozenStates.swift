package import LinearAlgebra
internal import Synchronization

/// What enters the first layer beside which an adapter stands, kept for each text.
///
/// These numbers follow from frozen weights and the text's tokens alone, so that trainings of the same model on parts of
/// the same texts have them in common. A text that no longer fits is computed whenever it is asked for.
package final class FrozenStates<Element: Scalar>: Sendable {
  /// The most bytes that are kept.
  package let mostBytes: Int
  private let kept = Mutex(Kept())

  /// What the numbers follow from, beside the weights.
  private struct Key: Hashable {
    let tokens: [Int]
    let types: [Int]
    /// The first layer that they do not come from.
    let layer: Int
  }

  private struct Kept {
    var states: [Key: Matrix<Element>] = [:]
    var bytes = 0
  }

  /// Keeps nothing yet.
  package init(mostBytes: Int) { self.mostBytes = mostBytes }

  /// The bytes that are kept, about.
  package var bytes: Int { kept.withLock { $0.bytes } }

  /// The number of texts that are kept.
  package var count: Int { kept.withLock { $0.states.count } }

  /// tokens × hidden of a text; nil where it is not kept.
  func state(of text: TokenSequence, below layer: Int) -> Matrix<Element>? {
    kept.withLock { $0.states[Self.key(text, layer)] }
  }

  /// Keeps a text's numbers while they fit.
  func keep(_ state: Matrix<Element>, of text: TokenSequence, below layer: Int) {
    let key = Self.key(text, layer)
    let bytes =
      state.elements.count * MemoryLayout<Element>.stride
      + (text.tokens.count + text.types.count) * MemoryLayout<Int>.stride
    kept.withLock { kept in
      guard kept.states[key] == nil, bytes <= mostBytes - kept.bytes else { return }
      kept.states[key] = state
      kept.bytes += bytes
    }
  }

  private static func key(_ text: TokenSequence, _ layer: Int) -> Key {
    Key(tokens: text.tokens, types: text.types, layer: layer)
  }
}
