import TensorFiles

/// One parameter tensor, or a group of them, inside a gradient row.
public struct Block: Hashable, Sendable {
  /// The parameter's name, unique in its layout.
  public let name: String
  /// The parameter's shape; its product is the number of columns.
  public let shape: [Int]
  /// The columns that the block takes up in a gradient row.
  public let columns: Range<Int>

  /// The number of columns d of the block.
  public var width: Int { columns.count }
}

extension Block {
  /// The block as a matrix of q outputs and p inputs: `q × p` as it is, a vector as `q × 1`.
  ///
  /// - Parameter method: The method that asks, for the message.
  /// - Throws: ``GradientStoreError/notMatrixShaped(block:shape:neededBy:)`` for other shapes.
  public func matrixShape(neededBy method: String) throws -> (outputs: Int, inputs: Int) {
    switch shape.count {
    case 1: (shape[0], 1)
    case 2: (shape[0], shape[1])
    default:
      throw GradientStoreError.notMatrixShaped(block: name, shape: shape, neededBy: method)
    }
  }
}

/// How a gradient row is divided into blocks, in column order.
public struct BlockLayout: Hashable, Sendable {
  /// The blocks, in column order, without gaps.
  public let blocks: [Block]

  /// Places blocks one after the other.
  ///
  /// - Parameter parameters: Names and shapes, in column order. Names must differ, and no dimension
  ///   may be negative.
  public init(_ parameters: [(name: String, shape: [Int])]) {
    precondition(
      Set(parameters.map(\.name)).count == parameters.count, "two blocks have the same name")
    var blocks: [Block] = []
    var column = 0
    for (name, shape) in parameters {
      precondition(shape.allSatisfy { $0 >= 0 }, "block \(name) has a negative dimension")
      let width = shape.reduce(1, *)
      blocks.append(Block(name: name, shape: shape, columns: column..<column + width))
      column += width
    }
    self.blocks = blocks
  }

  /// The number of blocks.
  public var count: Int { blocks.count }

  /// The number of columns D of a gradient row: all blocks together.
  public var columnCount: Int { blocks.last?.columns.upperBound ?? 0 }

  /// What is different in another layout, one sentence per difference.
  ///
  /// Empty when blocks agree by name and shape; their order does not matter. Where all names differ by the same
  /// beginning or part between dots, as those of an adapted model do from those of the model or of its files, that is
  /// the one difference.
  ///
  /// - Parameters:
  ///   - other: The layout to compare with.
  ///   - label: What this layout belongs to, such as "train".
  ///   - otherLabel: What the other belongs to, such as "query".
  public func differences(
    from other: BlockLayout, label: String = "train", otherLabel: String = "query"
  ) -> [String] {
    for (long, short, layouts) in [
      (label, otherLabel, (self, other)), (otherLabel, label, (other, self)),
    ] {
      guard
        let excess = NameExcess(
          of: layouts.0.blocks.map { ($0.name, $0.shape) },
          over: layouts.1.blocks.map { ($0.name, $0.shape) })
      else { continue }
      return [excess.sentence(of: long, over: short)]
    }
    let others = Dictionary(uniqueKeysWithValues: other.blocks.map { ($0.name, $0) })
    let names = Set(blocks.map(\.name))
    var differences: [String] = []
    if let mine = blocks.first, let its = other.blocks.first, names.isDisjoint(with: others.keys) {
      return [
        "no block of \(label) is in \(otherLabel), so that they are of different models or parameters: \(label) has \(mine.name), \(otherLabel) has \(its.name)"
      ]
    }
    for block in blocks {
      guard let twin = others[block.name] else {
        differences.append("block \(block.name) is in \(label) but not in \(otherLabel)")
        continue
      }
      if twin.shape != block.shape {
        differences.append(
          "block \(block.name) is \(block.shape) in \(label) but \(twin.shape) in \(otherLabel)")
      }
    }
    for block in other.blocks where !names.contains(block.name) {
      differences.append("block \(block.name) is in \(otherLabel) but not in \(label)")
    }
    return differences
  }

  /// The first three of some differences, and how many more there are.
  package static func summary(of differences: [String]) -> String {
    let more = differences.count - 3
    return differences.prefix(3).joined(separator: "; ")
      + (more > 0 ? "; and \(more) more \(more == 1 ? "difference" : "differences")" : "")
  }
}
