import LinearAlgebra
import Synchronization
import TestSupport
import Testing

/// Memory with a life of its own, as a mapped file would be.
@safe
private final class ForeignMemory: Sendable {
  nonisolated(unsafe) let base: UnsafeMutablePointer<Float>
  let onRelease: @Sendable () -> Void

  init(count: Int, onRelease: @escaping @Sendable () -> Void = {}) {
    unsafe base = .allocate(capacity: count)
    for index in 0..<count { unsafe (base + index).initialize(to: Float(index)) }
    self.onRelease = onRelease
  }

  deinit {
    unsafe base.deallocate()
    onRelease()
  }
}

@Suite("Views of foreign memory")
struct ElementStorageTests {
  @Test("A view of foreign memory reads it with its stride")
  func reads() {
    let memory = ForeignMemory(count: 14)
    let view = unsafe MatrixView(
      unsafeBase: UnsafePointer(memory.base), owner: memory, rows: 3, columns: 4, rowStride: 5)
    let expected = Matrix<Float>(
      rows: 3, columns: 4, elements: [0, 1, 2, 3, 5, 6, 7, 8, 10, 11, 12, 13])
    #expect(Matrix(view) == expected)
    #expect(Matrix(view.transposed) == Naive.transpose(expected))
    #expect(Matrix(view[rows: 1..<3, columns: 2..<4]).elements == [7, 8, 12, 13])
    #expect(view[2, 3] == 13)
    expectClose(
      Matrix(product: view, view.transposed), Naive.product(expected, Naive.transpose(expected)),
      bound: .exact)
    #expect(view.squaredRowNorms() == [14, 174, 534])
  }

  @Test("The owner lives exactly as long as the last view of its memory")
  func lifetime() {
    let isReleased = Atomic(false)
    func makeView() -> MatrixView<Float> {
      let memory = ForeignMemory(count: 12) { isReleased.store(true, ordering: .relaxed) }
      let whole = unsafe MatrixView(
        unsafeBase: UnsafePointer(memory.base), owner: memory, rows: 3, columns: 4, rowStride: 4)
      return whole[columns: 1..<3].transposed
    }
    func useView() {
      let view = makeView()
      let isReleasedEarly = isReleased.load(ordering: .relaxed)
      #expect(!isReleasedEarly)
      #expect(Matrix(view).elements == [1, 5, 9, 2, 6, 10])
    }
    useView()
    let isReleasedAtLast = isReleased.load(ordering: .relaxed)
    #expect(isReleasedAtLast)
  }

  @Test("An empty view of foreign memory reads nothing")
  func empty() {
    let memory = ForeignMemory(count: 1)
    let view = unsafe MatrixView(
      unsafeBase: UnsafePointer(memory.base), owner: memory, rows: 0, columns: 4, rowStride: 4)
    #expect(Matrix(view) == .zeros(0, 4))
    #expect(Matrix(product: view, Matrix<Float>.zeros(4, 2).view) == .zeros(0, 2))
  }

  @Test("Overlapping rows, elements past the end, and strides past 32 bits are refused")
  func refusals() async {
    await #expect(processExitsWith: .failure) {
      let memory = ForeignMemory(count: 12)
      _ = unsafe MatrixView(
        unsafeBase: UnsafePointer(memory.base), owner: memory, rows: 3, columns: 4, rowStride: 3)
    }
    await #expect(processExitsWith: .failure) {
      let memory = ForeignMemory(count: 12)
      let view = unsafe MatrixView(
        unsafeBase: UnsafePointer(memory.base), owner: memory, rows: 3, columns: 4, rowStride: 4)
      _ = view[3, 0]
    }
    await #expect(processExitsWith: .failure) {
      // One row, so that the stride is never walked; BLAS would be given it all the same.
      let memory = ForeignMemory(count: 2)
      let view = unsafe MatrixView(
        unsafeBase: UnsafePointer(memory.base), owner: memory, rows: 1, columns: 2,
        rowStride: 1 << 31)
      _ = Matrix(product: Matrix<Float>.zeros(16, 1).view, view)
    }
  }
}
