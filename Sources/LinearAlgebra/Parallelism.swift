import Dispatch
import Synchronization

/// Runs independent pieces of work on the machine's cores.
///
/// The engine makes its own threads and calls single-threaded BLAS from each: for the skinny products
/// that scores are made of, that beats BLAS's own threading. How work is cut into pieces never
/// depends on the number of threads, so results do not either.
public enum Parallelism {
  private static let limit = Atomic<Int>(0)
  @TaskLocal private static var isInsidePiece = false

  /// The number of threads that work is spread over; by default, and when set to 0, every core.
  public static var threads: Int {
    get {
      let value = limit.load(ordering: .relaxed)
      return value > 0 ? value : coreCount
    }
    set { limit.store(max(0, newValue), ordering: .relaxed) }
  }

  /// Ends the threads that the linear algebra library made when it was loaded, which take a core from ours while
  /// they wait for work: for a program's first line, before any other thread works.
  package static func endIdleThreads() { OpenBLASThreads.endIdle() }

  /// The number of cores that this process may use.
  public static let coreCount = OpenBLASThreads.usableCores

  /// Calls `body` with 0 ..< `count`, several at a time, and returns when all have returned.
  ///
  /// A call from inside a piece runs in order on the piece's own thread.
  public static func forEach(_ count: Int, _ body: @Sendable (Int) -> Void) {
    guard count > 1, !isInsidePiece else {
      for index in 0..<max(count, 0) { body(index) }
      return
    }
    let workers = min(threads, count)
    let nextIndex = Atomic<Int>(0)
    @Sendable func work() {
      // Also on a single thread: what a piece does inside may not depend on how many there are.
      $isInsidePiece.withValue(true) {
        while true {
          let index = nextIndex.wrappingAdd(1, ordering: .relaxed).oldValue
          guard index < count else { return }
          body(index)
        }
      }
    }
    if workers > 1 {
      DispatchQueue.concurrentPerform(iterations: workers) { _ in work() }
    } else {
      work()
    }
  }

  /// Whether the caller already runs as a piece of parallel work, so that it should not spread
  /// further.
  public static var isNested: Bool { isInsidePiece }

  /// Changes each element of an array in place, several at a time, and a single element as a piece too: what a piece
  /// computes then has the same bits whether it is one of many or by itself.
  package static func updateAsPieces<Element>(
    _ elements: inout [Element], _ body: @Sendable (Int, inout Element) -> Void
  ) {
    $isInsidePiece.withValue(isInsidePiece || elements.count == 1) { update(&elements, body) }
  }

  /// The results of `body` for 0 ..< `count`, in order, computed several at a time.
  ///
  /// - Throws: The first error in the order of pieces.
  public static func map<Result: Sendable>(
    _ count: Int, _ body: @Sendable (Int) throws -> Result
  ) throws -> [Result] {
    var results = [Swift.Result<Result, any Error>?](repeating: nil, count: count)
    update(&results) { index, slot in slot = Swift.Result { try body(index) } }
    return try results.map { slot in
      guard let slot else { preconditionFailure("a piece of parallel work left no result") }
      return try slot.get()
    }
  }

  /// Changes each element of an array in place, several at a time.
  public static func update<Element>(
    _ elements: inout [Element], _ body: @Sendable (Int, inout Element) -> Void
  ) {
    elements.withConcurrentAccess { slots in
      forEach(slots.count) { index in slots.update(index, body) }
    }
  }
}
