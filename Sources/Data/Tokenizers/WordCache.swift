internal import Synchronization

/// Words that were met before, with their ids: one table for each thread that encodes at the moment.
final class WordCache: Sendable {
  /// One table.
  struct Words: Sendable {
    /// More words than these are not kept, nor are longer ones, so that a table stays under about 8 MB.
    private static let (mostWords, mostBytes) = (1 << 15, 48)

    private(set) var ids: [ArraySlice<UInt8>: [Int]] = [:]

    mutating func insert(_ new: [Int], for word: ArraySlice<UInt8>) {
      guard ids.count < Self.mostWords, word.count <= Self.mostBytes else { return }
      ids[ArraySlice(Array(word))] = new
    }
  }

  private let free = Mutex<[Words]>([])

  /// Calls `body` with a table that nobody else has at the moment.
  func withWords<Result>(
    _ body: (inout Words) throws(TokenizerError) -> Result
  ) throws(TokenizerError) -> Result {
    var words = free.withLock { $0.popLast() } ?? Words()
    let result = try body(&words)
    let kept = words
    free.withLock { $0.append(kept) }
    return result
  }
}
