/// A tensor that a family's models have.
package struct ExpectedTensor: Sendable, Hashable {
  /// The parts of a model that a checkpoint may lack.
  package enum Part: Sendable, Hashable, CaseIterable {
    /// What every checkpoint has.
    case body
    /// What turns the first token's numbers into a text's.
    case pooler
    /// The map to labels.
    case classifier
  }

  /// The name, as Hugging Face has it.
  package let name: String
  /// The dimensions.
  package let shape: [Int]
  /// The part that the tensor is of: whole or absent, unless it is the body.
  package let part: Part

  package init(_ name: String, _ shape: [Int], part: Part = .body) {
    (self.name, self.shape, self.part) = (name, shape, part)
  }
}
