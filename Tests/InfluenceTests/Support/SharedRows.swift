import Foundation
import InfluenceKit
import Synchronization

/// Two or more parts of a process, each of which reads some of the rows, as the processes of a distributed
/// run do: they meet at every quantity that crosses rows.
final class RowExchange: Sendable {
  let partCount: Int
  private let condition = NSCondition()
  private let state = Mutex<State>(State())

  private struct State {
    var round = 0
    var given: [Int: any Sendable] = [:]
    var taken: [any Sendable] = []
  }

  init(parts: Int) { partCount = parts }

  /// Gives what one part has, waits for the others, and returns what all have, in the parts' order.
  func meet<Value: Sendable>(_ part: Int, _ value: Value) -> [Value] {
    condition.lock()
    defer { condition.unlock() }
    let round = state.withLock { state in
      state.given[part] = value
      if state.given.count == partCount {
        state.taken = (0..<partCount).compactMap { state.given[$0] }
        state.given = [:]
        state.round += 1
        return state.round - 1
      }
      return state.round
    }
    condition.broadcast()
    while state.withLock({ $0.round == round }) { condition.wait() }
    return state.withLock { $0.taken }.compactMap { $0 as? Value }
  }

  /// Runs each part on a thread of its own.
  func run<Result: Sendable>(
    _ body: @escaping @Sendable (SharedRows) throws -> Result
  ) throws -> [Result] {
    let results = Mutex<[Int: Swift.Result<Result, any Error>]>([:])
    let done = DispatchGroup()
    for part in 0..<partCount {
      done.enter()
      let thread = Thread {
        let result = Swift.Result { try body(SharedRows(part: part, exchange: self)) }
        results.withLock { $0[part] = result }
        done.leave()
      }
      thread.stackSize = 8 << 20
      thread.start()
    }
    done.wait()
    return try (0..<partCount).map { part in
      guard let result = results.withLock({ $0[part] }) else { throw CancellationError() }
      return try result.get()
    }
  }
}

/// The rows of one part.
struct SharedRows: Reduction {
  let part: Int
  let exchange: RowExchange

  var isShared: Bool { true }

  private func rows(of count: Int, part: Int) -> Range<Int> {
    // Unequal parts: the first has the fewest.
    let weights = (1...exchange.partCount).map { $0 + 1 }
    let total = weights.reduce(0, +)
    let ends = weights.indices.map { weights[...$0].reduce(0, +) * count / total }
    return (part == 0 ? 0 : ends[part - 1])..<ends[part]
  }

  func rows(of count: Int) -> Range<Int> { rows(of: count, part: part) }

  func sum(_ values: inout [Double]) {
    let all = exchange.meet(part, values)
    values = all.dropFirst().reduce(all[0]) { zip($0, $1).map { $0 + $1 } }
  }

  func sum<Element: Scalar>(_ matrix: inout Matrix<Element>) {
    let all = exchange.meet(part, Matrix<Double>(converting: matrix))
    var total = all[0]
    for other in all.dropFirst() { total.add(other) }
    matrix = Matrix<Element>(converting: total)
  }

  func gather<Element: Scalar>(columnsOf matrix: inout Matrix<Element>) {
    let all = exchange.meet(part, matrix)
    for (other, theirs) in all.enumerated() {
      for row in 0..<matrix.rows {
        for column in rows(of: matrix.columns, part: other) {
          matrix[row, column] = theirs[row, column]
        }
      }
    }
  }

  func gather<Element: Scalar>(rowsOf matrix: MatrixView<Element>) -> MatrixView<Element> {
    let all = exchange.meet(part, Matrix(matrix))
    return Matrix(
      rows: all.reduce(0) { $0 + $1.rows }, columns: matrix.columns,
      elements: all.flatMap(\.elements)
    ).view
  }
}
