import LinearAlgebra
import RealModule

/// Attention of one text by its definition, in loops over single numbers with all weights at hand.
struct NaiveAttention {
  let headCount: Int
  let keyValueHeadCount: Int
  let headSize: Int
  let isCausal: Bool

  /// The columns of a head of queries, and of the head of keys and values that it shares.
  private func columns(_ head: Int) -> (query: Int, key: Int) {
    (head * headSize, head / (headCount / keyValueHeadCount) * headSize)
  }

  /// By how much each token looks at each other one.
  private func weights(_ q: [[Double]], _ k: [[Double]], _ head: Int) -> [[Double]] {
    let (query, key) = columns(head)
    return q.indices.map { i in
      let exponentials = k.indices.map { j in
        guard !isCausal || j <= i else { return 0.0 }
        let product = (0..<headSize).reduce(0) { $0 + q[i][query + $1] * k[j][key + $1] }
        return Double.exp(product / Double(headSize).squareRoot())
      }
      let sum = exponentials.reduce(0, +)
      return exponentials.map { $0 / sum }
    }
  }

  /// What each token gathers.
  func forward(_ q: [[Double]], _ k: [[Double]], _ v: [[Double]]) -> [[Double]] {
    var output = q.map { $0.map { _ in 0.0 } }
    for head in 0..<headCount {
      let (query, key) = columns(head)
      for (i, row) in weights(q, k, head).enumerated() {
        for (j, p) in row.enumerated() where p != 0 {
          for column in 0..<headSize { output[i][query + column] += p * v[j][key + column] }
        }
      }
    }
    return output
  }

  /// The gradients by q, k and v, with `d` that by the result, through the Jacobian of softmax.
  func backward(
    _ d: [[Double]], _ q: [[Double]], _ k: [[Double]], _ v: [[Double]]
  ) -> (q: [[Double]], k: [[Double]], v: [[Double]]) {
    var (dq, dk, dv) = (
      q.map { $0.map { _ in 0.0 } }, k.map { $0.map { _ in 0.0 } }, v.map { $0.map { _ in 0.0 } }
    )
    let scale = 1 / Double(headSize).squareRoot()
    for head in 0..<headCount {
      let (query, key) = columns(head)
      for (i, row) in weights(q, k, head).enumerated() {
        let dp = v.indices.map { j in
          (0..<headSize).reduce(0) { $0 + d[i][query + $1] * v[j][key + $1] }
        }
        let mean = zip(row, dp).reduce(0) { $0 + $1.0 * $1.1 }
        for (j, p) in row.enumerated() where p != 0 {
          let ds = scale * p * (dp[j] - mean)
          for column in 0..<headSize {
            dv[j][key + column] += p * d[i][query + column]
            dq[i][query + column] += ds * k[j][key + column]
            dk[j][key + column] += ds * q[i][query + column]
          }
        }
      }
    }
    return (dq, dk, dv)
  }
}

extension Matrix<Double> {
  /// The numbers row by row.
  var lists: [[Double]] { (0..<rows).map { Array(self[row: $0]) } }

  /// A matrix of these rows.
  init(lists: [[Double]]) {
    self.init(
      rows: lists.count, columns: lists.first?.count ?? 0, elements: Array(lists.joined()))
  }
}
