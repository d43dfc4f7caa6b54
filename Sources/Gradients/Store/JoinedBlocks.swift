import LinearAlgebra
import TensorFiles

/// Blocks of one shard read as one, columns one after the other.
struct JoinedBlocks: Sendable {
  /// One of them.
  struct Member: Sendable {
    let source: BlockSource
    let width: Int
  }

  let members: [Member]

  /// The given rows alone.
  subscript(rows rows: Range<Int>) -> JoinedBlocks {
    JoinedBlocks(members: members.map { Member(source: $0.source[rows: rows], width: $0.width) })
  }

  /// The narrowest type that holds the numbers of every member.
  var elementType: ElementType {
    let types = Set(members.map(\.source.elementType))
    if let only = types.first, types.count == 1 { return only }
    return types.contains(.float64) ? .float64 : .float32
  }

  /// Copies a rectangle, converted, into rows of a matrix of as many columns.
  func read<Element: Scalar>(
    rows: Range<Int>, columns: Range<Int>, into matrix: inout Matrix<Element>, firstRow: Int
  ) throws {
    var start = 0
    var buffer = Matrix<Element>.zeros(0, 0)
    for member in members {
      let common = columns.clamped(to: start..<start + member.width)
      if !common.isEmpty {
        let part = try member.source.read(
          rows: rows, columns: common.lowerBound - start..<common.upperBound - start,
          reusing: &buffer)
        matrix.place(
          part, firstRow: firstRow, firstColumn: common.lowerBound - columns.lowerBound)
      }
      start += member.width
    }
  }

  /// ‖g‖² of some rows: the sums of the members'.
  func squaredRowNorms(rows: Range<Int>) throws -> [Double] {
    var sums = [Double](repeating: 0, count: rows.count)
    for member in members {
      let norms = try member.source.squaredRowNorms(rows: rows, width: member.width)
      for (row, norm) in norms.enumerated() { sums[row] += norm }
    }
    return sums
  }
}

extension BlockSource {
  /// Blocks as one: a wider slice of their file where they lie side by side in it.
  init(joining members: [JoinedBlocks.Member]) {
    var merged: [JoinedBlocks.Member] = []
    for member in members {
      if let last = merged.last, let wider = last.joined(with: member) {
        merged[merged.count - 1] = wider
      } else {
        merged.append(member)
      }
    }
    self = merged.count == 1 ? merged[0].source : .joined(JoinedBlocks(members: merged))
  }
}

extension JoinedBlocks.Member {
  /// This block and the next as one slice; nil where they do not lie side by side.
  fileprivate func joined(with next: JoinedBlocks.Member) -> JoinedBlocks.Member? {
    guard case .mapped(let mine) = source, case .mapped(let other) = next.source,
      mine.map === other.map, mine.elementType == other.elementType, mine.rows == other.rows,
      mine.rowStride == other.rowStride, width + next.width <= mine.rowStride,
      mine.byteOffset + width * mine.elementType.byteCount == other.byteOffset,
      let wider = try? MappedMatrix(
        in: mine.map, elementType: mine.elementType, byteOffset: mine.byteOffset, rows: mine.rows,
        columns: width + next.width, rowStride: mine.rowStride)
    else { return nil }
    return JoinedBlocks.Member(source: .mapped(wider), width: width + next.width)
  }
}
