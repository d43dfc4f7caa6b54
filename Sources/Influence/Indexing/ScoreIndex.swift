public import Foundation
public import Gradients
import LinearAlgebra

/// An index of a training store, as ``Curvature/writeIndex(to:elementType:progress:)`` writes it, opened to be searched.
///
///     let index = try ScoreIndex(opening: url)
///     let results = try index.search(queries, SearchOptions(top: 10))
public struct ScoreIndex: Sendable {
  /// The rows, with ids, texts and labels of the training examples.
  public let store: GradientStore
  /// What they are of.
  public let about: IndexDescription
  let norms: GradientNorms

  /// Opens an index.
  ///
  /// - Parameters:
  ///   - url: The index's folder.
  ///   - check: Which bytes are compared with their checksums.
  /// - Throws: ``IndexError`` where it is no index; an error of the store.
  public init(opening url: URL, check: StoreCheck = .small) throws {
    try self.init(GradientStore(opening: url, check: check))
  }

  /// Takes a store that is an index.
  ///
  /// - Throws: ``IndexError`` where it is none; an error of the store.
  public init(_ store: GradientStore) throws {
    about = try IndexDescription(of: store)
    self.store = store
    norms = try store.squaredNorms()
  }

  /// Refuses queries whose gradients cannot be multiplied with the rows.
  ///
  /// - Throws: ``InfluenceError/layoutMismatch(train:query:differences:)``, ``InfluenceError/empty(source:)`` or
  ///   ``IndexError/isAnIndex(path:)``.
  public func require(_ queries: GradientStore) throws {
    try queries.requireGradients()
    try store.requireSameBlocks(as: queries)
    try queries.requireRows()
  }

  /// Refuses a curvature that does not give the scores that the index is of.
  ///
  /// - Throws: ``IndexError/otherStore(path:store:field:recorded:found:)``.
  public func require(_ curvature: Curvature) throws {
    let training = curvature.training
    try require(training: training)
    let found = [
      ("the method", about.method, curvature.estimators[0].specification),
      ("the damping", "\(about.damping)", "\(curvature.options.damping)"),
      ("the grouping of blocks", "\(about.partition)", "\(training.partition)"),
    ]
    try require(found, of: training)
  }

  /// Refuses a training store that is not the one that the index was made of.
  ///
  /// - Throws: ``IndexError/otherStore(path:store:field:recorded:found:)``, or an error from reading it.
  /// - Complexity: reads every byte of the store, unless its writer recorded the checksum.
  public func require(training: GradientStore) throws {
    try require([("the number of rows", "\(about.rowCount)", "\(training.count)")], of: training)
    let checksum = try training.checksum() ?? "none"
    try require([("the checksum", about.trainingChecksum, checksum)], of: training)
  }

  private func require(
    _ found: [(field: String, recorded: String, found: String)], of training: GradientStore
  ) throws(IndexError) {
    for (field, recorded, found) in found where recorded != found {
      throw .otherStore(
        path: store.name, store: training.name, field: field, recorded: recorded, found: found)
    }
  }

  /// Which rows have one of some values under each of some keys, such as `label` or `source`.
  ///
  /// - Throws: ``IndexError/unknownKey(path:key:known:)``, ``IndexError/noRows(path:filter:)``, or an error of
  ///   `examples.jsonl`.
  /// - Complexity: Reads the line of every example.
  public func rows(where wanted: [String: Set<String>]) throws -> [Bool] {
    let (areWanted, keys) = try store.rows(where: wanted)
    if let unknown = wanted.keys.sorted().first(where: { !keys.contains($0) }) {
      throw IndexError.unknownKey(path: store.name, key: unknown, known: keys)
    }
    guard areWanted.contains(true) else {
      let filter = wanted.sorted { $0.key < $1.key }.map { key, values in
        "\(key)=\(values.sorted().joined(separator: ","))"
      }
      throw IndexError.noRows(path: store.name, filter: filter.joined(separator: " and "))
    }
    return areWanted
  }
}

/// How an index is searched.
public struct SearchOptions: Sendable {
  /// How many of the most helpful and of the most harmful examples of each query are found.
  public var top: Int
  /// What scores candidates anew, from the training gradients; nothing unless given.
  public var reranking: Curvature?
  /// How many candidates of each side are scored anew: 5 for each example that is found, unless given.
  public var candidates: Int
  /// Which rows of the index count; all unless given.
  public var rows: [Bool]?
  /// Whether it is counted how many of the examples that are found are certain.
  public var certifies: Bool
  /// The most bytes that queries and products may take.
  public var memoryBudget: Int

  /// Makes options.
  public init(
    top: Int, reranking: Curvature? = nil, candidates: Int? = nil, rows: [Bool]? = nil,
    certifies: Bool = true, memoryBudget: Int? = nil
  ) {
    precondition(top > 0, "the top \(top)")
    self.top = top
    self.reranking = reranking
    self.candidates = max(top, candidates ?? 5 * top)
    self.rows = rows
    self.certifies = certifies
    self.memoryBudget = memoryBudget ?? CurvatureOptions().memoryBudget
  }
}

/// What a search says of one query.
public struct SearchResult: Sendable {
  /// The examples.
  public let top: TopExamples
  /// How many of the most helpful ones certainly belong to the k most helpful of all rows that count, whatever the rows
  /// of the index lost when they were rounded; nil where that was not asked for.
  public let certainHelpful: Int?
  /// The same of the most harmful.
  public let certainHarmful: Int?
  /// The most by which a score of the index can differ from that of the rows before they were rounded, among
  /// the candidates; nil where that was not asked for.
  public let bound: Double?
}

/// What a search says of all queries.
public struct SearchResults: Sendable {
  /// One per query.
  public let queries: [SearchResult]
  /// How many rows were searched.
  public let rowCount: Int
  /// What the user should know.
  public let warnings: [String]
  /// Seconds spent on the scan of the index.
  public let scanSeconds: Double
  /// Seconds spent on scoring candidates anew.
  public let rerankSeconds: Double

  /// Of the examples that were found on both sides, the share that is certain: a lower bound of the recall; nil where
  /// nothing was counted.
  public var certainShare: Double? {
    var certain = 0
    var found = 0
    for query in queries {
      guard let helpful = query.certainHelpful, let harmful = query.certainHarmful else {
        return nil
      }
      certain += helpful + harmful
      found += query.top.helpful.count + query.top.harmful.count
    }
    return found > 0 ? Double(certain) / Double(found) : nil
  }

  /// Of how many queries all that was found is certain.
  public var certainQueries: Int {
    queries.count { query in
      query.certainHelpful == query.top.helpful.count
        && query.certainHarmful == query.top.harmful.count
    }
  }
}
