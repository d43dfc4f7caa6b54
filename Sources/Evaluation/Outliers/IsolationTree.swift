package import LinearAlgebra

/// One tree of an isolation forest.
package struct IsolationTree: Sendable {
  /// A split of examples by one column; an end of the tree where `block` is negative.
  package struct Node: Sendable {
    package var block: Int32 = -1
    package var column = 0
    /// The threshold below which examples go left; at an end, what it adds to the path's length.
    package var value = 0.0
    package var left: Int32 = 0
    package var right: Int32 = 0
  }

  /// The nodes, the root first.
  package private(set) var nodes: [Node] = []

  /// Grows a tree.
  ///
  /// - Parameters:
  ///   - rows: The sampled examples.
  ///   - columns: What draws the splits.
  ///   - generator: The source of random numbers.
  package init(
    growingOn rows: [Int], columns: ColumnPicker, using generator: inout SeededGenerator
  ) throws {
    // ⌈log₂ψ⌉
    let limit = rows.count < 2 ? 0 : Int.bitWidth - (rows.count - 1).leadingZeroBitCount
    var pending: [(node: Int, rows: [Int], depth: Int)] = [(0, rows, 0)]
    nodes = [Node()]
    while let (node, rows, depth) = pending.popLast() {
      guard rows.count > 1, depth < limit,
        let split = try columns.split(of: rows, using: &generator)
      else {
        nodes[node].value = Self.averagePathLength(rows.count)
        continue
      }
      let left = nodes.count
      nodes.append(Node())
      nodes.append(Node())
      nodes[node] = Node(
        block: Int32(split.block), column: split.column, value: split.threshold,
        left: Int32(left), right: Int32(left + 1))
      pending.append((left + 1, split.right, depth + 1))
      pending.append((left, split.left, depth + 1))
    }
  }

  /// The length of an example's path: the depth at which it ends, plus what its end adds.
  ///
  /// - Parameters:
  ///   - row: The example's row in the views.
  ///   - views: A view of each block that the tree looks at; nil for others.
  func pathLength<Element: Scalar>(ofRow row: Int, in views: [MatrixView<Element>?]) -> Double {
    var (node, depth) = (nodes[0], 0.0)
    while node.block >= 0 {
      guard let view = views[Int(node.block)] else { preconditionFailure("a block was not read") }
      let goesLeft = Double(view[row, node.column]) < node.value
      node = nodes[Int(goesLeft ? node.left : node.right)]
      depth += 1
    }
    return depth + node.value
  }

  /// c(n): the mean depth of an unsuccessful search in a random tree of n keys; 0 for n < 2.
  static func averagePathLength(_ count: Int) -> Double {
    guard count >= 2 else { return 0 }
    // The sum starts at the smallest term, and is exact to rounding; ln n + γ would be off by 1/(2n).
    let harmonic = (1..<count).reversed().reduce(0.0) { $0 + 1 / Double($1) }
    return 2 * harmonic - 2 * Double(count - 1) / Double(count)
  }
}
