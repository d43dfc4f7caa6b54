import LinearAlgebra
import TensorFiles

/// Gradients of a linear map's weight as sums over tokens of outer products: what went in, and the loss's gradient by what
/// came out.
///
/// A row is Σ g_t·a_tᵀ, outputs × inputs. With a bias, what went in has a last number that is always 1. A map that was called
/// several times for an example has a sum over all calls.
struct TokenProducts: DerivedRows {
  /// What one call of the map read and was given back for some examples.
  struct Call: Sendable {
    let activations: Factor
    let gradients: Factor
  }

  /// Numbers of some examples, tokens of each, and a width.
  struct Factor: Sendable {
    /// `examples × (tokens · width)`, or `tokens × (examples · width)` where tokens come first.
    let numbers: MappedMatrix
    let tokens: Int
    let width: Int
    let tokensFirst: Bool

    /// `tokens × columns` of one example.
    func matrix(ofExample row: Int, columns: Range<Int>) -> Matrix<Double> {
      if tokensFirst {
        let first = row * width
        return numbers[columns: first + columns.lowerBound..<first + columns.upperBound]
          .matrix(as: Double.self)
      }
      let all = numbers[rows: row..<row + 1].matrix(as: Double.self)
      let matrix = Matrix(rows: tokens, columns: width, elements: all.elements)
      return columns == 0..<width ? matrix : Matrix(matrix.view[columns: columns])
    }
  }

  let calls: [Call]
  let outputs: Int
  /// With the one of a bias.
  let inputs: Int
  let hasBias: Bool

  var elementType: ElementType {
    .common(
      calls.flatMap { [$0.activations.numbers.elementType, $0.gradients.numbers.elementType] }
        + [.float32])
  }

  /// Products are added in double precision and rounded once.
  func read<Element: Scalar>(
    rows: Range<Int>, columns: Range<Int>, into matrix: inout Matrix<Element>, firstRow: Int
  ) throws {
    guard !columns.isEmpty else { return }
    let part = columns.lowerBound / inputs..<(columns.upperBound - 1) / inputs + 1
    let start = columns.lowerBound - part.lowerBound * inputs
    for (place, row) in rows.enumerated() {
      var sum = Matrix<Double>.zeros(part.count, inputs)
      for call in calls {
        let gradients = call.gradients.matrix(ofExample: row, columns: part)
        var activations = call.activations.matrix(
          ofExample: row, columns: 0..<call.activations.width)
        if hasBias {
          var wider = Matrix<Double>(repeating: 1, rows: activations.rows, columns: inputs)
          wider.place(activations, firstColumn: 0)
          activations = wider
        }
        sum.add(product: Matrix(gradients.transposed).view, activations.view, firstRow: 0)
      }
      let flat = Matrix(rows: 1, columns: sum.elements.count, elements: sum.elements)
      matrix.place(
        Matrix<Element>(converting: flat.view[columns: start..<start + columns.count]).view,
        firstRow: firstRow + place, firstColumn: 0)
    }
  }
}
