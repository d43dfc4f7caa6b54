/// A block as a matrix of outputs × inputs.
extension Block {
  /// The outputs, and the inputs of each: of a convolution's kernel, all that is left of its shape.
  var sides: (outputs: Int, inputs: Int) { Self.sides(of: shape) }

  /// The same of a shape.
  static func sides(of shape: [Int]) -> (outputs: Int, inputs: Int) {
    (shape.first ?? 1, shape.dropFirst().reduce(1, *))
  }
}
