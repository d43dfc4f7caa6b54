internal import InfluenceKit

/// Which queries are scored, and which of them are shown.
struct QueryChoice {
  /// The rows that are scored, ascending.
  let rows: [Int]
  /// The rows that are shown, in the order in which they are.
  let shown: [Int]
  /// The gradients of `rows`.
  let store: GradientStore
  /// Whether all queries are scored, so that the store's rows are the queries'.
  let isWhole: Bool

  private let shownSet: Set<Int>
  /// The most queries that are scored.
  private static let most = 256

  /// Takes all queries where they are few, and otherwise the shown ones and the first of the others.
  ///
  /// - Parameters:
  ///   - queries: m rows of gradients.
  ///   - order: The rows in the order in which they are shown; that of the store unless given.
  ///   - shown: How many are shown at most.
  ///   - budget: The most bytes that rows which are picked may take.
  init(of queries: GradientStore, order: [Int]?, shown: Int, budget: Int) throws {
    let order = order ?? Array(0..<queries.count)
    if queries.count <= Self.most {
      self.shown = Array(order.prefix(shown))
      rows = Array(0..<queries.count)
      store = queries
      isWhole = true
    } else {
      let fitting = max(1, budget / max(1, 8 * queries.layout.columnCount))
      self.shown = Array(order.prefix(min(shown, fitting, Self.most)))
      var chosen = Set(self.shown)
      for row in 0..<queries.count where chosen.count < min(Self.most, fitting) {
        chosen.insert(row)
      }
      rows = chosen.sorted()
      store = try queries.gathering(rows, name: queries.name)
      isWhole = false
    }
    shownSet = Set(self.shown)
  }

  func isShown(_ row: Int) -> Bool { shownSet.contains(row) }

  /// The gradients of the shown queries, in ascending order of their rows.
  func shownStore() throws -> GradientStore {
    let places = rows.indices.filter { isShown(rows[$0]) }
    return places.count == rows.count ? store : try store.gathering(places, name: store.name)
  }

  /// The shown rows in ascending order.
  var shownAscending: [Int] { shown.sorted() }
}
