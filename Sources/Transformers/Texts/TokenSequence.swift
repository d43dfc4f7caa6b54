public import Data

/// A text as a model takes it, and what the model is to say of it.
public struct TokenSequence: Hashable, ContentHashable {
  /// What a loss is of.
  public enum Goal: Sendable, Hashable {
    /// The text's class, from 0.
    case label(Int)
    /// The tokens from a place on, at least 1: each is to be predicted from those before it.
    case tokens(from: Int)
  }

  /// The ids of the tokens, special ones included; at least one.
  public var tokens: [Int]
  /// The type of each token, or none where the model does not tell types apart.
  public var types: [Int]
  /// What the model is to say.
  public var goal: Goal

  /// Collects the parts.
  public init(tokens: [Int], types: [Int] = [], goal: Goal) {
    self.tokens = tokens
    self.types = types
    self.goal = goal
  }

  /// The tokens that are predicted; 0 for a text with a label.
  public var predictedCount: Int {
    switch goal {
    case .label: 0
    case .tokens(let first): max(0, tokens.count - max(first, 1))
    }
  }

  /// Adds tokens, types and goal, each list after its length.
  public func update(_ hash: inout ContentHash) {
    hash.update([tokens.count] + tokens + [types.count] + types)
    switch goal {
    case .label(let label): hash.update([0, label])
    case .tokens(let first): hash.update([1, first])
    }
  }
}
