internal import CKernels

/// Rows of numbers as they lie in memory, for products that read them there.
package struct StoredRows: Sendable {
  /// The number of rows.
  package let rows: Int
  /// The number of columns.
  package let columns: Int
  private let format: PackedFormat
  private let byteStride: Int
  private let scales: [Float]
  private let withBytes: @Sendable ((Span<UInt8>) -> Void) -> Void

  /// Describes packed rows.
  ///
  /// - Parameters:
  ///   - rows: The number of rows.
  ///   - columns: The number of columns.
  ///   - format: How numbers lie there; see ``canBeRead(_:)``.
  ///   - byteStride: Bytes from one row's first number to the next's.
  ///   - scales: A factor for each row of integers; none for other formats.
  ///   - withBytes: Lends the bytes, from the first row's first number on.
  package init(
    rows: Int, columns: Int, format: PackedFormat, byteStride: Int, scales: [Float] = [],
    withBytes: @escaping @Sendable ((Span<UInt8>) -> Void) -> Void
  ) {
    precondition(Self.canBeRead(format), "\(format) is converted before it is multiplied")
    precondition(scales.isEmpty || scales.count == rows, "a factor for each row, or none")
    self.rows = rows
    self.columns = columns
    self.format = format
    self.byteStride = byteStride
    self.scales = scales
    self.withBytes = withBytes
  }

  /// The rows of a view that is not transposed.
  package init(_ view: MatrixView<Float>) {
    precondition(!view.isTransposed, "rows that lie one after the other")
    let size = MemoryLayout<Float>.stride
    let count = view.rows == 0 ? 0 : (view.rows - 1) * view.rowStride + view.columns
    self.init(
      rows: view.rows, columns: view.columns, format: .binary32, byteStride: view.rowStride * size
    ) { body in
      unsafe view.storage.withPointer(at: view.offset) { base in
        let bytes = unsafe UnsafeRawBufferPointer(
          start: base, count: base == nil ? 0 : count * size)
        unsafe body(bytes.bindMemory(to: UInt8.self).span)
      }
    }
  }

  /// Whether products can read a format, on this processor.
  package static func canBeRead(_ format: PackedFormat) -> Bool {
    switch format {
    case .binary32: true
    case .binary16, .bfloat16, .int8: VectorInstructions.chosen != .portable
    case .binary64: false
    }
  }

  /// Factors for the rows, for those who multiply integers.
  func factor(ofRow row: Int) -> Float { scales.isEmpty ? 1 : scales[row] }

  /// Calls `body` with what the kernels want to know; the address must not leave the call.
  @unsafe
  func withDescription(_ body: (influence_rows) -> Void) {
    guard rows > 0, columns > 0 else { return }
    withBytes { bytes in
      precondition(
        byteStride >= 0
          && bytes.count >= (rows - 1) * byteStride + columns * format.byteCount,
        "\(bytes.count) bytes are not \(rows) rows of \(columns) numbers")
      unsafe bytes.withUnsafeBytes { source in
        unsafe scales.withUnsafeBufferPointer { factors in
          unsafe body(
            influence_rows(
              base: source.baseAddress, stride: byteStride, count: rows, columns: columns,
              format: format.kernelFormat, scales: scales.isEmpty ? nil : factors.baseAddress))
        }
      }
    }
  }
}

extension PackedFormat {
  fileprivate var kernelFormat: influence_format {
    switch self {
    case .binary16: influence_binary16
    case .bfloat16: influence_bfloat16
    case .int8: influence_int8
    case .binary32, .binary64: influence_binary32
    }
  }
}
