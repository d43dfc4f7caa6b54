import Algorithms
public import LinearAlgebra
public import TensorFiles

/// Per-example gradients: n rows of D columns, divided into blocks, opened read-only.
///
/// Stores live on disk and are memory-mapped, or in memory; they may consist of several shards of
/// rows. Float32 gradients are looked at in place; other types are converted a chunk at a time.
public struct GradientStore: Sendable {
  /// What a store was opened from.
  public enum Kind: String, Sendable {
    /// A directory with `info.json` and `gradients.bin`.
    case directory
    /// A directory of such directories, whose rows follow one another.
    case shards
    /// A `.safetensors` file with one tensor per block, whose first dimension is the example.
    case safetensors
    /// A `.npy` file, one block.
    case numpy
    /// A directory of `.npy` files, one per block.
    case numpyDirectory
    /// A `.pt` file of PyTorch, or a directory of them.
    case torch
    /// A checkpoint's folder of TRAK.
    case trak
    /// A folder of dattri, with chunks of batches.
    case dattri
    /// A cache of dattri-LLM, with the factors of gradients.
    case dattriLLM
    /// A folder of logix, with chunks of examples.
    case logix
    /// A folder of LoRIF, with factors of low rank.
    case lorif
    /// Matrices in memory.
    case memory
  }

  /// The path, or what the gradients in memory are called.
  public let name: String
  /// What the store was opened from.
  public let kind: Kind
  /// The blocks of a gradient row, in column order.
  public let layout: BlockLayout
  /// The number of rows n, one per example.
  public let count: Int
  /// How numbers are stored, per block; in the first shard, where there are several.
  public let elementTypes: [ElementType]
  /// What the writer recorded, one per shard; nil for files of other tools.
  public let manifests: [StoreManifest?]
  /// What lies beside the gradients: found in the folder when the store was opened, or given in memory.
  public let companions: Companions
  /// What is known, and what is not, of gradients in a store that was just opened; nil where its format says nothing.
  public internal(set) var origin: StoreOrigin?
  let shards: [Shard]
  /// The stored blocks that blocks are made of; nil where blocks are as they are stored.
  let members: Members?

  /// Some of the rows, with a source for each block.
  struct Shard: Sendable {
    let rows: Range<Int>
    /// The first of these rows among those that the shard's files hold: not 0 for a part of a shard.
    var firstStoredRow = 0
    /// How many rows the shard's files hold, where these are a part.
    var storedRowCount: Int?
    let blocks: [BlockSource]
    /// The recorded ‖g‖² of each row and block, `rows × blocks` as they are stored.
    let squaredNorms: MappedMatrix?
    /// The files that hold the gradients, for checksums.
    let files: [MemoryMap]

    /// How many rows the shard's files hold.
    var storedRows: Int { storedRowCount ?? rows.count }

    /// Some of the store's rows, as far as the shard has them, counted from its first.
    func local(_ rows: Range<Int>) -> Range<Int> {
      let common = rows.clamped(to: self.rows)
      let start = self.rows.lowerBound
      return common.lowerBound - start..<common.upperBound - start
    }
  }

  init(
    name: String, kind: Kind, layout: BlockLayout, shards: [Shard],
    manifests: [StoreManifest?] = [nil], companions: Companions = Companions(),
    members: Members? = nil
  ) {
    self.name = name
    self.kind = kind
    self.layout = layout
    self.shards = shards
    self.manifests = manifests
    self.companions = companions
    self.members = members
    count = shards.last?.rows.upperBound ?? 0
    elementTypes = shards.first?.blocks.map(\.elementType) ?? []
  }

  /// A store of one shard whose norms nobody recorded.
  init(
    name: String, kind: Kind, layout: BlockLayout, count: Int, blocks: [BlockSource],
    files: [MemoryMap] = []
  ) {
    let shard = Shard(rows: 0..<count, blocks: blocks, squaredNorms: nil, files: files)
    self.init(name: name, kind: kind, layout: layout, shards: [shard])
  }

  /// Makes a store of matrices in memory.
  ///
  /// - Parameters:
  ///   - name: What to call it in messages.
  ///   - blocks: Name, shape and `n × d` gradients of each block; all with the same n.
  public init<Element: Scalar>(
    name: String = "memory", blocks: [(name: String, shape: [Int], gradients: Matrix<Element>)]
  ) {
    let layout = BlockLayout(blocks.map { ($0.name, $0.shape) })
    let count = blocks.first?.gradients.rows ?? 0
    for (block, entry) in zip(layout.blocks, blocks) {
      precondition(
        entry.gradients.rows == count && entry.gradients.columns == block.width,
        "block \(block.name): \(entry.gradients.rows) × \(entry.gradients.columns) gradients for \(count) rows of \(block.shape)"
      )
    }
    self.init(
      name: name, kind: .memory, layout: layout, count: count,
      blocks: blocks.map { BlockSource($0.gradients) })
  }

  /// The gradients of some rows in one block.
  ///
  /// - Parameters:
  ///   - rows: The rows; contiguous, and in one shard for a view without a copy.
  ///   - block: Where the block stands in the layout.
  ///   - columns: Columns of the block; all unless given.
  ///   - type: `Float` or `Double`.
  /// - Returns: `rows × columns`: a look at the stored numbers where they are of that type, or a
  ///   converted copy.
  public func rows<Element: Scalar>(
    _ rows: Range<Int>, of block: Int, columns: Range<Int>? = nil, as type: Element.Type
  ) throws -> MatrixView<Element> {
    var buffer = Matrix<Element>.zeros(0, 0)
    return try self.rows(rows, of: block, columns: columns, reusing: &buffer)
  }

  /// The gradients of some rows in one block, converted, if they must be, into a buffer that the
  /// caller keeps from chunk to chunk; see ``rows(_:of:columns:as:)``.
  ///
  /// - Parameters:
  ///   - rows: Which rows.
  ///   - block: Which block.
  ///   - columns: Which columns of the block; all unless given.
  ///   - buffer: Any matrix; let go of the last view of it before the next call.
  public func rows<Element: Scalar>(
    _ rows: Range<Int>, of block: Int, columns: Range<Int>? = nil,
    reusing buffer: inout Matrix<Element>
  ) throws -> MatrixView<Element> {
    precondition(rows.lowerBound >= 0 && rows.upperBound <= count, "rows \(rows) of \(count)")
    let columns = columns ?? 0..<layout.blocks[block].width
    let parts = shards.filter { $0.rows.overlaps(rows) }
    if let only = parts.first, parts.count == 1 {
      return try only.blocks[block].read(
        rows: only.local(rows), columns: columns, reusing: &buffer)
    }
    if buffer.rows != rows.count || buffer.columns != columns.count {
      buffer = .zeros(rows.count, columns.count)
    }
    for shard in parts {
      try shard.blocks[block].read(
        rows: shard.local(rows), columns: columns, into: &buffer,
        firstRow: max(rows.lowerBound, shard.rows.lowerBound) - rows.lowerBound)
    }
    return buffer.view
  }

  /// Some of the rows as a store of their own, without a copy.
  ///
  /// - Parameter range: The rows; all inside 0 ..< ``count``.
  public subscript(rows range: Range<Int>) -> GradientStore {
    precondition(range.lowerBound >= 0 && range.upperBound <= count, "rows \(range) of \(count)")
    var kept: [Shard] = []
    var keptManifests: [StoreManifest?] = []
    for (shard, manifest) in zip(shards, manifests) where shard.rows.overlaps(range) {
      let common = range.clamped(to: shard.rows)
      let local = shard.local(range)
      kept.append(
        Shard(
          rows: common.lowerBound - range.lowerBound..<common.upperBound - range.lowerBound,
          firstStoredRow: shard.firstStoredRow + local.lowerBound,
          storedRowCount: shard.storedRows,
          blocks: shard.blocks.map { $0[rows: local] },
          squaredNorms: shard.squaredNorms?[rows: local], files: shard.files))
      keptManifests.append(manifest)
    }
    return GradientStore(
      name: name, kind: kind, layout: layout, shards: kept, manifests: keptManifests,
      companions: companions[rows: range], members: members)
  }

  /// Makes sure that the store's files are those that were opened, so that what was read of them is of one store.
  ///
  /// - Throws: `TensorFileError.changed`, which names the first file that something else has written, replaced
  ///   or removed.
  /// - Complexity: one question to the system for each file.
  package func requireUnchanged() throws {
    var asked: Set<ObjectIdentifier> = []
    for shard in shards {
      let norms = shard.squaredNorms.map { [$0.map] } ?? []
      for map in shard.files + norms where asked.insert(ObjectIdentifier(map)).inserted {
        try map.requireUnchanged()
      }
    }
  }

  /// Whether all rows of every block can be looked at in place as the given type.
  public func isDirectlyReadable<Element: Scalar>(as type: Element.Type) -> Bool {
    shards.count == 1
      && shards.allSatisfy { shard in
        shard.blocks.allSatisfy { $0.isDirectlyReadable(as: type) }
      }
  }

  /// Whether chunks of rows of a block that cross no shard's border can be looked at in place as the
  /// given type.
  public func chunksAreReadInPlace<Element: Scalar>(of block: Int, as type: Element.Type) -> Bool {
    shards.allSatisfy { $0.blocks[block].isDirectlyReadable(as: type) }
  }

  /// All rows in order, in chunks of at most `size` rows that never cross a shard's border.
  public func chunks(of size: Int) -> [Range<Int>] {
    precondition(size > 0, "chunks of \(size) rows")
    return shards.flatMap { $0.rows.chunks(ofCount: size) }
  }
}
