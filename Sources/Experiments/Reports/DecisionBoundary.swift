package import InfluenceKit

/// Where a classifier of points in the plane changes its mind: lines of f = 0 by marching squares.
package struct DecisionBoundary {
  /// Lines, each a list of points in order.
  package let lines: [[(x: Double, y: Double)]]

  /// Follows the zeros of a function through a grid.
  ///
  /// - Parameters:
  ///   - x: The range of x that the grid covers.
  ///   - y: The range of y that it covers.
  ///   - cells: The number of cells in each direction.
  ///   - values: f of points, which are the rows of a matrix of two columns.
  package init(
    x: ClosedRange<Double>, y: ClosedRange<Double>, cells: Int,
    _ values: (Matrix<Double>) throws -> [Double]
  ) rethrows {
    let side = cells + 1
    func place(_ range: ClosedRange<Double>, _ index: Int) -> Double {
      range.lowerBound + (range.upperBound - range.lowerBound) * Double(index) / Double(cells)
    }
    let grid = Matrix(
      rows: side * side, columns: 2,
      elements: (0..<side * side).flatMap { [place(x, $0 % side), place(y, $0 / side)] })
    let f = try values(grid)
    // An edge of the grid is named by its two corners; a line enters and leaves cells through edges.
    var neighbours: [Edge: [Edge]] = [:]
    for row in 0..<cells {
      for column in 0..<cells {
        let corner = row * side + column
        let corners = [corner, corner + 1, corner + side + 1, corner + side]
        let crossed = (0..<4).map { Edge(corners[$0], corners[($0 + 1) % 4]) }
          .filter { (f[$0.first] > 0) != (f[$0.second] > 0) }
        // Two, or four at a saddle, where either pairing is right.
        for pair in stride(from: 0, to: crossed.count, by: 2) {
          neighbours[crossed[pair], default: []].append(crossed[pair + 1])
          neighbours[crossed[pair + 1], default: []].append(crossed[pair])
        }
      }
    }
    func point(_ edge: Edge) -> (x: Double, y: Double) {
      let (a, b) = (f[edge.first], f[edge.second])
      let share = a / (a - b)
      func between(_ column: Int) -> Double {
        grid[edge.first, column] + share * (grid[edge.second, column] - grid[edge.first, column])
      }
      return (between(0), between(1))
    }
    var unused = Set(neighbours.keys)
    var lines: [[(x: Double, y: Double)]] = []
    // Open ends first, so that a line is found whole; then rings. Sorted, so that results do not vary.
    let starts = neighbours.keys.sorted {
      (neighbours[$0]?.count ?? 0, $0) < (neighbours[$1]?.count ?? 0, $1)
    }
    for start in starts where unused.contains(start) {
      var line = [start]
      unused.remove(start)
      while let next = neighbours[line[line.count - 1]]?.first(where: unused.contains) {
        line.append(next)
        unused.remove(next)
      }
      let isRing = line.count > 2 && (neighbours[line[line.count - 1]] ?? []).contains(start)
      lines.append((isRing ? line + [start] : line).map(point))
    }
    self.lines = lines.filter { $0.count > 1 }
  }

  private struct Edge: Hashable, Comparable {
    let first: Int
    let second: Int

    init(_ a: Int, _ b: Int) { (first, second) = (min(a, b), max(a, b)) }

    static func < (one: Edge, other: Edge) -> Bool {
      (one.first, one.second) < (other.first, other.second)
    }
  }
}
