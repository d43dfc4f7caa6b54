internal import CKernels

/// A function of single numbers that layers apply.
package enum RowActivation: Sendable, CaseIterable {
  /// x · Φ(x).
  case gelu
  /// ½x(1 + tanh(√(2/π)(x + 0.044715x³))).
  case geluTanh
  /// x / (1 + e⁻ˣ).
  case silu
  /// max(x, 0).
  case relu
  /// tanh(x).
  case tanh

  fileprivate var code: influence_activation {
    switch self {
    case .gelu: influence_gelu
    case .geluTanh: influence_gelu_tanh
    case .silu: influence_silu
    case .relu: influence_relu
    case .tanh: influence_tanh
    }
  }
}

extension Matrix {
  /// f of each number, times the number at the same place of `factor` where there is one.
  package func activated(_ function: RowActivation, times factor: Matrix? = nil) -> Matrix {
    precondition(factor.map { $0.rows == rows && $0.columns == columns } ?? true)
    let result = unsafe [Element](unsafeUninitializedCapacity: elements.count) {
      target, initialized in
      unsafe elements.withUnsafeBufferPointer { x in
        if let factor {
          unsafe factor.elements.withUnsafeBufferPointer { factor in
            unsafe Element.kernels.rows.activate(
              function.code, x.baseAddress, factor.baseAddress, target.baseAddress, x.count)
          }
        } else {
          unsafe Element.kernels.rows.activate(
            function.code, x.baseAddress, nil, target.baseAddress, x.count)
        }
      }
      initialized = elements.count
    }
    return Matrix(rows: rows, columns: columns, elements: result)
  }

  /// Replaces what a function was applied to by the gradient by it.
  ///
  /// - Parameter gradient: By the function's values.
  package mutating func turnThroughActivation(_ function: RowActivation, gradient: Matrix) {
    precondition(gradient.rows == rows && gradient.columns == columns)
    unsafe gradient.elements.withUnsafeBufferPointer { gradient in
      unsafe elements.withUnsafeMutableBufferPointer { x in
        unsafe Element.kernels.rows.activateBackward(
          function.code, x.baseAddress, nil, gradient.baseAddress, x.count)
      }
    }
  }

  /// Replaces what a function was applied to, and the factor of its values, by the gradients by them.
  ///
  /// - Parameters:
  ///   - function: The function.
  ///   - factor: What the function's values were multiplied by.
  ///   - gradient: By the products.
  package mutating func turnThroughActivation(
    _ function: RowActivation, times factor: inout Matrix, gradient: Matrix
  ) {
    precondition(
      gradient.rows == rows && gradient.columns == columns && factor.rows == rows
        && factor.columns == columns)
    unsafe gradient.elements.withUnsafeBufferPointer { gradient in
      unsafe elements.withUnsafeMutableBufferPointer { x in
        unsafe factor.elements.withUnsafeMutableBufferPointer { factor in
          unsafe Element.kernels.rows.activateBackward(
            function.code, x.baseAddress, factor.baseAddress, gradient.baseAddress, x.count)
        }
      }
    }
  }

  /// Adds the same numbers to each row.
  package mutating func addToEachRow(_ row: [Element]) {
    precondition(row.count == columns)
    let (rowCount, columnCount) = (rows, columns)
    unsafe row.withUnsafeBufferPointer { row in
      unsafe elements.withUnsafeMutableBufferPointer { x in
        unsafe Element.kernels.rows.addRow(x.baseAddress, rowCount, columnCount, row.baseAddress)
      }
    }
  }
}
