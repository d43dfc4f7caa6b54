import InfluenceKit

#if arch(x86_64)
  /// Exact scores in numbers of 64 significant bits, by loops: what bounds are held against.
  enum LongDouble {
    /// S = V·(F + λI)⁻¹·Gᵀ, `m × n`, from K + nλI or F + λI, whichever is smaller.
    static func exactScores(
      gradients: Matrix<Double>, queries: Matrix<Double>, lambda: Double
    ) -> [[Float80]] {
      let g = rows(gradients)
      let v = rows(queries)
      let (n, d, damping) = (g.count, gradients.columns, Float80(lambda))
      let count = Float80(n)
      if n <= d {
        let kernel = (0..<n).map { i in
          (0...i).map { dot(g[i], g[$0]) + ($0 == i ? count * damping : 0) }
        }
        let factor = cholesky(kernel)
        return v.map { query in
          solve(factor, g.map { dot(query, $0) }).map { count * $0 }
        }
      }
      let columns = (0..<d).map { column in g.map { $0[column] } }
      let fisher = (0..<d).map { i in
        (0...i).map { dot(columns[i], columns[$0]) / count + ($0 == i ? damping : 0) }
      }
      let factor = cholesky(fisher)
      return v.map { query in
        let x = solve(factor, query)
        return g.map { dot($0, x) }
      }
    }

    private static func rows(_ matrix: Matrix<Double>) -> [[Float80]] {
      (0..<matrix.rows).map { row in matrix[row: row].map { Float80($0) } }
    }

    private static func dot(_ x: [Float80], _ y: [Float80]) -> Float80 {
      var sum: Float80 = 0
      for index in x.indices { sum += x[index] * y[index] }
      return sum
    }

    /// The lower triangle L of A = L·Lᵀ.
    private static func cholesky(_ lower: [[Float80]]) -> [[Float80]] {
      var factor = lower
      for i in factor.indices {
        for j in 0...i {
          var sum = lower[i][j]
          for k in 0..<j { sum -= factor[i][k] * factor[j][k] }
          factor[i][j] = i == j ? sum.squareRoot() : sum / factor[j][j]
        }
      }
      return factor
    }

    private static func solve(_ factor: [[Float80]], _ right: [Float80]) -> [Float80] {
      var y = right
      for i in y.indices {
        for k in 0..<i { y[i] -= factor[i][k] * y[k] }
        y[i] /= factor[i][i]
      }
      for i in y.indices.reversed() {
        for k in (i + 1)..<max(i + 1, y.count) { y[i] -= factor[k][i] * y[k] }
        y[i] /= factor[i][i]
      }
      return y
    }
  }
#endif
