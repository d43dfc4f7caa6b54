/// The rows with the highest keys of those offered so far; of equal keys, those that were offered first.
///
/// Entries gather up to twice the number wanted, and are then cut back by a sort: each sort is paid for by as many
/// entries that passed the bar.
struct BestRows: Sendable {
  /// A row of the index, with a score and what it is ranked by.
  struct Entry: Sendable {
    let key: Double
    let score: Double
    let row: Int
  }

  private let count: Int
  private var entries: [Entry] = []
  /// What a later key must exceed.
  private(set) var bar = -Double.infinity

  /// Keeps so many rows, at least 1.
  init(count: Int) {
    precondition(count > 0, "the best \(count) rows")
    self.count = count
  }

  /// Takes a row, which is above all earlier ones.
  mutating func offer(key: Double, score: Double, row: Int) {
    guard key > bar else { return }
    entries.append(Entry(key: key, score: score, row: row))
    guard entries.count >= 2 * count else { return }
    entries = sorted()
    bar = entries.last?.key ?? bar
  }

  /// The best, best first.
  func sorted() -> [Entry] {
    Array(
      entries.sorted { $0.key > $1.key || ($0.key == $1.key && $0.row < $1.row) }.prefix(count))
  }
}
