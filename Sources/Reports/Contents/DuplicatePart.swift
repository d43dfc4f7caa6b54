internal import InfluenceKit

/// Training texts that are nearly the same, in groups, and queries that stand nearly so among them.
package struct DuplicatePart: Sendable {
  /// Texts that hang together by pairs of near-duplicates.
  package struct Group: Sendable, Equatable {
    /// The rows of the training examples, ascending.
    package var rows: [Int]
    /// The least similarity of a pair that holds the group together.
    package var similarity: Double
    /// Whether two of them have different labels.
    package var labelsDiffer: Bool
  }

  /// A query with a near-duplicate among the training texts.
  package struct Leak: Sendable, Equatable {
    package var query: Int
    package var text: String
    package var label: String?
    /// The row of the most similar training example.
    package var example: Int
    package var similarity: Double
  }

  /// The first groups, those with different labels first, then by similarity.
  package var groups: [Group]
  /// The number of groups, and of those with different labels.
  package var groupCount: Int, differingCount: Int
  /// The first queries with a copy, the most similar first.
  package var leaks: [Leak]
  package var leakCount: Int
  /// Whether there were more pairs than are looked at.
  package var isCut: Bool

  /// The most groups and queries that a page holds, and the most texts of a group.
  package static let most = 60
  package static let mostTexts = 8

  /// Groups what is alike.
  ///
  /// - Parameters:
  ///   - texts: One per training example.
  ///   - queries: One per query; empty where there are none.
  ///   - labels: The training examples' labels, where they have some.
  ///   - queryLabels: The queries'.
  /// - Returns: Nil where nothing is alike.
  package init?(
    among texts: [String], queries: [String], labels: [String?]?, queryLabels: [String?]?
  ) {
    let found = NearDuplicates(among: texts + queries)
    let count = texts.count
    var parent = Array(texts.indices)
    func root(_ row: Int) -> Int {
      var row = row
      while parent[row] != row {
        parent[row] = parent[parent[row]]
        row = parent[row]
      }
      return row
    }
    let pairs = found.pairs.filter { $0.second < count }
    for pair in pairs {
      let (first, second) = (root(pair.first), root(pair.second))
      if first != second { parent[max(first, second)] = min(first, second) }
    }
    var members: [Int: Set<Int>] = [:]
    var least: [Int: Double] = [:]
    for pair in pairs {
      let group = root(pair.first)
      members[group, default: []].formUnion([pair.first, pair.second])
      least[group] = min(least[group] ?? 1, pair.similarity)
    }
    let groups = members.map { group, rows in
      Group(
        rows: rows.sorted(), similarity: least[group] ?? 1,
        labelsDiffer: Set(rows.compactMap { labels?[$0] }).count > 1)
    }.sorted {
      ($0.labelsDiffer ? 0 : 1, -$0.similarity, $0.rows[0])
        < ($1.labelsDiffer ? 0 : 1, -$1.similarity, $1.rows[0])
    }
    var copies: [Int: Leak] = [:]
    for pair in found.pairs where pair.first < count && pair.second >= count {
      let query = pair.second - count
      guard copies[query] == nil else { continue }
      copies[query] = Leak(
        query: query, text: queries[query], label: queryLabels?[query], example: pair.first,
        similarity: pair.similarity)
    }
    guard !groups.isEmpty || !copies.isEmpty else { return nil }
    self.groups = Array(groups.prefix(Self.most))
    groupCount = groups.count
    differingCount = groups.count { $0.labelsDiffer }
    leaks = Array(
      copies.values.sorted { (-$0.similarity, $0.query) < (-$1.similarity, $1.query) }
        .prefix(Self.most))
    leakCount = copies.count
    isCut = found.isCut
  }
}
