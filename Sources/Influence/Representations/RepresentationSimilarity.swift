public import Gradients
public import LinearAlgebra

/// The cosine of the angle between what the last layer reads of a query and of a training example.
///
///     S[q, i] = x_qᵀxᵢ / (‖x_q‖·‖xᵢ‖)        from −1 to 1
///
/// It says which examples look alike to the model, and asks neither for labels nor for losses: the plain answer that
/// methods on gradients are held against. Hanawa, Yokoi, Hara and Inui, "Evaluation of Similarity-based Explanations"
/// (2021) compare it with others.
///
/// - Cost: 2mnd operations. No damping.
public struct RepresentationSimilarity: RepresentationMethod {
  /// `similarity`.
  public static let name = "similarity"
  /// What the method is, in one line.
  public static let summary = "cosine of what the last layer reads; takes no labels"
  /// Formula, source and cost.
  public static let page: MethodPage? = MethodPage(
    formula: "S = xᵀxᵢ/(‖x‖·‖xᵢ‖) of what the last layer reads",
    source: "Hanawa, Yokoi, Hara and Inui (2021)",
    cost: "2mnd",
    remark: "It asks for neither labels nor losses.")
  /// False.
  public static let comparesClasses = false

  /// Makes the method.
  public init() {}

  /// Refuses examples of which the last layer reads nothing but zeros: they have no direction.
  public func check(_ training: Representations) throws(InfluenceError) {
    _ = try Self.directions(of: training)
  }

  /// The cosines, one row per query.
  public func values(
    of queries: Representations, on training: Representations
  ) throws -> Matrix<Double> {
    Matrix(
      product: try Self.directions(of: queries).view, try Self.directions(of: training).transposed)
  }

  /// Refuses: it is 1 for every example.
  public func selfInfluence(on training: Representations) throws(InfluenceError) -> [Double] {
    throw .noSelfInfluence(
      method: name, reason: "every example is as similar to itself as can be; score queries")
  }

  /// The features, each row divided by its norm, `n × d`.
  ///
  /// - Throws: ``InfluenceError/missingInput(method:source:reason:)`` where all features of a row are zero.
  package static func directions(
    of examples: Representations
  ) throws(InfluenceError) -> Matrix<Double> {
    // Divided by their largest number first, so that squares are neither infinite nor lost.
    let rows = (0..<examples.count).map { row -> [Double] in
      let values = examples.features[row: row]
      let largest = values.reduce(0) { max($0, abs($1)) }
      let scaled = values.map { $0 / largest }
      let norm = scaled.reduce(0) { $0 + $1 * $1 }.squareRoot()
      return scaled.map { $0 / norm }
    }
    if let row = rows.firstIndex(where: { !$0.allSatisfy(\.isFinite) }) {
      throw .missingInput(
        method: Self.name, source: examples.source,
        reason:
          "all features of row \(row) are zero, so that they have no direction; leave the row out")
    }
    return Matrix(
      rows: examples.count, columns: examples.features.columns, elements: rows.flatMap(\.self))
  }
}
