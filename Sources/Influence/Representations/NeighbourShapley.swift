public import Gradients
public import LinearAlgebra

/// The Shapley value of each training example for a nearest-neighbour classifier on the features.
///
/// Of a query with the class y, training examples α₁ … αₙ by distance, and u(T) the number of those of
/// class y among the K nearest in T, divided by K:
///
///     S[αₙ] = 1[y_αₙ = y]·min(K, n)/(nK)
///     S[αᵢ] = S[αᵢ₊₁] + (1[y_αᵢ = y] − 1[y_αᵢ₊₁ = y])/K · min(K, i)/i
///
/// Jia et al., "Efficient Task-Specific Data Valuation for Nearest Neighbor Algorithms" (2019), theorem 1;
/// there K ≤ n, and the first line is 1/n. Scores of a query sum to u(all): the share of the K nearest
/// that have its class. Distances are Euclidean; of equal ones the lower row is the nearer.
///
/// - Cost: 2mnd operations for the distances, and n log n a query. No model's loss, no damping.
public struct NeighbourShapley: RepresentationMethod {
  /// K, at least 1.
  public var neighbours: Int

  /// `knn-shapley`.
  public static let name = "knn-shapley"
  /// What the method is, in one line.
  public static let summary = "Shapley value for a nearest-neighbour classifier"
  /// Formula, source and cost.
  public static let page: MethodPage? = MethodPage(
    formula: "S[αₙ] = 1[y_αₙ = y]·min(K, n)/(nK)",
    "S[αᵢ] = S[αᵢ₊₁] + (1[y_αᵢ = y] − 1[y_αᵢ₊₁ = y])/K · min(K, i)/i, α by distance",
    source: "Jia et al. (2019), theorem 1",
    cost: "2mnd and n log n per query",
    remark: "A query's scores sum to the share of its K nearest that have its class.")
  /// K.
  public static let declaredSettings: [MethodSetting<NeighbourShapley>] = [
    .integer(
      "k", \.neighbours,
      .init(complaint: " neighbours; use a number from 1 up") { $0 >= 1 }, usage: "k=K")
  ]

  /// Makes the method with 5 neighbours.
  public init() { self.init(neighbours: 5) }

  /// Makes the method.
  ///
  /// - Parameter neighbours: K, at least 1.
  public init(neighbours: Int) { self.neighbours = neighbours }

  /// Accepts all representations.
  public func check(_ training: Representations) throws(InfluenceError) {}

  /// The Shapley values, one row per query.
  public func values(
    of queries: Representations, on training: Representations
  ) throws -> Matrix<Double> {
    let order = Neighbours(of: queries.features, among: training.features)
    let labels = training.labels
    let rows = try Parallelism.map(queries.count) { query in
      shapley(order.ranked(query), isSame: labels.map { $0 == queries.labels[query] })
    }
    return Matrix(
      rows: queries.count, columns: training.count, elements: rows.flatMap { $0 })
  }

  /// Refuses: an example is its own nearest neighbour whatever its label.
  public func selfInfluence(on training: Representations) throws(InfluenceError) -> [Double] {
    throw .noSelfInfluence(
      method: name,
      reason: "every example is its own nearest neighbour; score queries that are not in training")
  }

  /// The recursion from the farthest example to the nearest.
  private func shapley(_ ranked: [Int], isSame: [Bool]) -> [Double] {
    let (n, k) = (ranked.count, neighbours)
    var values = [Double](repeating: 0, count: n)
    var value = 0.0
    for place in stride(from: n - 1, through: 0, by: -1) {
      let own = isSame[ranked[place]] ? 1.0 : 0
      if place == n - 1 {
        value = own * Double(min(k, n)) / (Double(n) * Double(k))
      } else {
        let next = isSame[ranked[place + 1]] ? 1.0 : 0
        value += (own - next) / Double(k) * Double(min(k, place + 1)) / Double(place + 1)
      }
      values[ranked[place]] = value
    }
    return values
  }
}

/// Rows of one matrix by their distance to rows of another.
struct Neighbours: Sendable {
  private let queries: Matrix<Double>
  private let points: Matrix<Double>
  private let products: Matrix<Double>
  private let squares: [Double]
  private let querySquares: [Double]

  init(of queries: Matrix<Double>, among points: Matrix<Double>) {
    self.queries = queries
    self.points = points
    products = Matrix(product: queries.view, points.transposed)
    squares = points.view.squaredRowNorms()
    querySquares = queries.view.squaredRowNorms()
  }

  /// All points, the nearest first; of equal distances the lower row first.
  ///
  /// ‖a‖² + ‖b‖² − 2aᵀb loses what the norms have in excess of the distance, so distances that it
  /// cannot tell apart are computed again as Σ(a − b)²: copies of a point are at the same distance, to
  /// the last bit.
  func ranked(_ query: Int) -> [Int] {
    let distances = squares.indices.map {
      querySquares[query] + squares[$0] - 2 * products[query, $0]
    }
    func precedes(_ a: Int, _ b: Int, _ values: (Int) -> Double) -> Bool {
      let (left, right) = (values(a), values(b))
      return left == right ? a < b : left < right
    }
    var order = squares.indices.sorted { precedes($0, $1) { distances[$0] } }
    let unit = Double.ulpOfOne * Double(points.columns + 4)
    var first = 0
    while first < order.count {
      var last = first
      while last + 1 < order.count,
        distances[order[last + 1]] - distances[order[last]]
          <= unit * (2 * querySquares[query] + squares[order[last]] + squares[order[last + 1]])
      { last += 1 }
      if last > first {
        let run = order[first...last]
        let exact = Dictionary(uniqueKeysWithValues: run.map { ($0, distance(query, $0)) })
        order.replaceSubrange(
          first...last,
          with: run.sorted { a, b in
            precedes(a, b) { exact[$0] ?? 0 }
          })
      }
      first = last + 1
    }
    return order
  }

  private func distance(_ query: Int, _ point: Int) -> Double {
    var sum = 0.0
    for column in 0..<points.columns {
      let difference = queries[query, column] - points[point, column]
      sum += difference * difference
    }
    return sum
  }
}
