/// The elements of one array, for threads that each change other elements.
@safe
struct ConcurrentSlots<Element>: @unchecked Sendable {
  private let base: UnsafeMutableBufferPointer<Element>

  fileprivate init(_ base: UnsafeMutableBufferPointer<Element>) { unsafe self.base = unsafe base }

  var count: Int { unsafe base.count }

  /// Changes one element; no two threads may name the same one at a time.
  func update(_ index: Int, _ body: (Int, inout Element) -> Void) {
    precondition(index >= 0 && index < count, "slot \(index) of \(count)")
    unsafe body(index, &base[index])
  }
}

extension Array {
  mutating func withConcurrentAccess(_ body: (ConcurrentSlots<Element>) -> Void) {
    unsafe withUnsafeMutableBufferPointer { buffer in unsafe body(ConcurrentSlots(buffer)) }
  }
}
