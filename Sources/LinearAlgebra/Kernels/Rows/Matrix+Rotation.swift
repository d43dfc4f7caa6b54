internal import RealModule

/// The cosines and sines by which positions turn pairs of numbers.
package struct RotationTable<Element: Scalar>: Sendable {
  /// The pairs that a head has.
  package let pairs: Int
  /// The positions that are in the table.
  package let positions: Int
  fileprivate let cosines: [Element]
  fileprivate let sines: [Element]

  /// Makes the table.
  ///
  /// - Parameters:
  ///   - frequencies: What each pair turns by from one position to the next, in radians.
  ///   - positions: How many positions.
  package init(frequencies: [Double], positions: Int) {
    pairs = frequencies.count
    self.positions = positions
    // An angle is the product as single precision has it, as in the models' own code.
    let angles = (0..<positions).flatMap { position in
      frequencies.map { frequency in
        Element.self == Float.self
          ? Double(Float(position) * Float(frequency)) : Double(position) * frequency
      }
    }
    cosines = angles.map { Element(Double.cos($0)) }
    sines = angles.map { Element(Double.sin($0)) }
  }
}

extension Matrix {
  /// Turns the numbers of heads by the positions of their rows: number j of a head with number j + half.
  ///
  /// - Parameters:
  ///   - heads: As many heads as there are, one after the other, from the first column on.
  ///   - firstColumn: Where the heads begin.
  ///   - positions: One for each row, inside the table.
  ///   - table: Cosines and sines.
  ///   - isBackward: Whether they are turned back, as gradients are.
  package mutating func rotate(
    heads: Int, firstColumn: Int = 0, positions: [Int32], by table: RotationTable<Element>,
    isBackward: Bool = false
  ) {
    precondition(
      positions.count == rows && firstColumn + heads * 2 * table.pairs <= columns
        && positions.allSatisfy { $0 >= 0 && $0 < table.positions })
    let (rowCount, stride) = (rows, columns)
    unsafe positions.withUnsafeBufferPointer { positions in
      unsafe table.cosines.withUnsafeBufferPointer { cosines in
        unsafe table.sines.withUnsafeBufferPointer { sines in
          unsafe elements.withUnsafeMutableBufferPointer { x in
            unsafe Element.kernels.rows.rotate(
              x.baseAddress.map { unsafe $0 + firstColumn }, rowCount, stride, heads, table.pairs,
              positions.baseAddress, cosines.baseAddress, sines.baseAddress, isBackward ? -1 : 1)
          }
        }
      }
    }
  }
}
