/// Where a view's elements live: in a Swift array, or in memory that somebody else owns.
///
/// An array is held by value, so a view stays valid (and unchanged) whatever later happens to the
/// matrix it was taken from. Foreign memory, such as a memory-mapped file, is held by its owner.
@safe
enum ElementStorage<Element: Scalar>: @unchecked Sendable {
  case array([Element])
  case foreign(base: UnsafePointer<Element>, count: Int, owner: any AnyObject & Sendable)

  var count: Int {
    switch self {
    case .array(let elements): elements.count
    case .foreign(_, let count, _): count
    }
  }

  subscript(index: Int) -> Element {
    switch self {
    case .array(let elements): return elements[index]
    case .foreign(let base, let count, _):
      precondition(index >= 0 && index < count, "element \(index) of \(count)")
      return unsafe base[index]
    }
  }

  /// Calls `body` with the address of element `offset`; the pointer must not leave the call.
  @unsafe
  func withPointer<Result>(at offset: Int, _ body: (UnsafePointer<Element>?) -> Result) -> Result {
    switch self {
    case .array(let elements):
      return unsafe elements.withUnsafeBufferPointer { buffer in
        unsafe body(buffer.baseAddress.map { unsafe $0 + offset })
      }
    case .foreign(let base, _, let owner):
      return withExtendedLifetime(owner) { unsafe body(base + offset) }
    }
  }
}

extension MatrixView {
  /// Looks at memory that `owner` keeps alive, as a row-major matrix.
  ///
  /// - Parameters:
  ///   - unsafeBase: The address of element (0, 0), aligned for `Element`.
  ///   - owner: Kept for as long as the view lives; must keep `rows · rowStride` elements readable
  ///     and unchanged.
  ///   - rows: The number of rows.
  ///   - columns: The number of columns, at most `rowStride`.
  ///   - rowStride: The distance between two rows, in elements.
  @unsafe
  public init(
    unsafeBase: UnsafePointer<Element>, owner: any AnyObject & Sendable, rows: Int, columns: Int,
    rowStride: Int
  ) {
    let count = rows == 0 ? 0 : (rows - 1) * rowStride + columns
    self.init(
      storage: unsafe .foreign(base: unsafeBase, count: count, owner: owner), offset: 0,
      rows: rows, columns: columns, rowStride: rowStride, isTransposed: false)
  }
}
