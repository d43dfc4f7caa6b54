public import Foundation
public import LinearAlgebra
import OrderedCollections
public import TensorFiles

/// Writes a gradient store, row by row, so that a crash never loses what was committed.
///
///     let writer = try GradientStoreWriter(creating: directory, layout: layout)
///     for batch in batches { try writer.append(batch.gradients); try writer.commit() }
///     try writer.finish()
///
/// Rows are appended to files, then counted by replacing `manifest.json` atomically. A writer that
/// was killed leaves a store with the rows of its last commit, and ``init(resuming:)`` goes on from
/// there. Until ``finish()`` the store says that it is incomplete.
public final class GradientStoreWriter {
  /// The store's directory.
  public let directory: URL
  /// The blocks.
  public let layout: BlockLayout
  /// How numbers are stored.
  public let elementType: ElementType
  /// Rows appended so far, committed or not.
  public private(set) var count: Int
  private var manifest: StoreManifest
  private var gradients: AppendableFile
  private var norms: AppendableFile
  private var examples: AppendableFile

  /// Starts a new store.
  ///
  /// - Parameters:
  ///   - directory: Where to; created if it is not there. Must not hold a store.
  ///   - layout: The blocks of a row.
  ///   - elementType: How to store numbers.
  ///   - provenance: What should be remembered: seed, model, data, anything.
  /// - Throws: ``GradientStoreError/alreadyExists(path:)`` or a file error.
  public init(
    creating directory: URL, layout: BlockLayout, elementType: ElementType = .float32,
    provenance: [String: String] = [:]
  ) throws {
    let files = FileManager.default
    let names = [StoreManifest.fileName, StoreDirectory.infoName, StoreDirectory.gradientsName]
    guard !names.contains(where: { files.fileExists(atPath: directory.appending(path: $0).path) })
    else { throw GradientStoreError.alreadyExists(path: directory.path) }
    // Names from the caller may be anything, but must make a valid layout.
    _ = try BlockLayout(
      validating: layout.blocks.map { ($0.name, $0.shape) }, path: directory.path)
    try files.createDirectory(at: directory, withIntermediateDirectories: true)
    self.directory = directory
    self.layout = layout
    self.elementType = elementType
    count = 0
    manifest = StoreManifest(
      rows: 0, isComplete: false, elementType: elementType, layout: layout, fileSizes: [:],
      provenance: provenance)
    gradients = try AppendableFile(
      at: directory.appending(path: StoreDirectory.gradientsName), keeping: 0)
    norms = try AppendableFile(at: directory.appending(path: StoreDirectory.normsName), keeping: 0)
    examples = try AppendableFile(
      at: directory.appending(path: StoreDirectory.examplesName), keeping: 0)
    try record()
  }

  /// Goes on with a store whose writer stopped; rows that were not committed are dropped.
  ///
  /// - Parameter directory: A store that ``init(creating:layout:elementType:provenance:)`` began.
  /// - Throws: ``GradientStoreError`` or a file error.
  public init(resuming directory: URL) throws {
    guard let manifest = try StoreManifest(ofStoreAt: directory) else {
      throw GradientStoreError.unrecognised(
        path: directory.path, found: "there is no manifest.json, so nothing to resume")
    }
    func size(_ name: String) -> Int { manifest.fileSizes[name] ?? 0 }
    self.directory = directory
    self.manifest = manifest
    layout = manifest.layout
    elementType = manifest.elementType
    count = manifest.rows
    gradients = try AppendableFile(
      at: directory.appending(path: StoreDirectory.gradientsName),
      keeping: size(StoreDirectory.gradientsName))
    norms = try AppendableFile(
      at: directory.appending(path: StoreDirectory.normsName),
      keeping: size(StoreDirectory.normsName))
    examples = try AppendableFile(
      at: directory.appending(path: StoreDirectory.examplesName),
      keeping: size(StoreDirectory.examplesName))
    self.manifest.isComplete = false
    self.manifest.gradientsChecksum = nil
  }

  /// Rows that would survive a crash now.
  public var committedCount: Int { manifest.rows }

  /// Appends the gradients of some examples.
  ///
  /// - Parameters:
  ///   - blocks: One `rows × d` matrix a block, in the layout's order.
  ///   - ids: The examples' names, if they have any.
  ///   - losses: The examples' losses, if known.
  /// - Throws: ``GradientStoreError/notFinite(path:row:block:reason:)`` before anything is written,
  ///   ``GradientStoreError/wrongShape(path:block:expected:found:)``, or a file error.
  public func append<Element: Scalar>(
    _ blocks: [Matrix<Element>], ids: [String]? = nil, losses: [Double]? = nil
  ) throws {
    guard blocks.count == layout.count else {
      throw GradientStoreError.wrongShape(
        path: directory.path, block: "all", expected: "\(layout.count) blocks",
        found: "\(blocks.count)")
    }
    let rows = blocks.first?.rows ?? 0
    for (block, matrix) in zip(layout.blocks, blocks) {
      guard matrix.rows == rows, matrix.columns == block.width else {
        throw GradientStoreError.wrongShape(
          path: directory.path, block: block.name, expected: "\(rows) × \(block.width)",
          found: "\(matrix.rows) × \(matrix.columns)")
      }
      if let bad = matrix.view.squaredRowNorms().firstIndex(where: { !$0.isFinite }) {
        throw GradientStoreError.notFinite(
          path: directory.path, row: count + bad, block: block.name,
          reason: "the gradient holds NaN or infinity; look at this example's loss")
      }
    }
    for (what, given) in [("ids", ids?.count), ("losses", losses?.count)] {
      if let given, given != rows {
        throw GradientStoreError.wrongShape(
          path: directory.path, block: what, expected: "\(rows)", found: "\(given)")
      }
    }
    var joined = Matrix<Element>.zeros(rows, layout.columnCount)
    for (block, matrix) in zip(layout.blocks, blocks) {
      joined.place(matrix, firstColumn: block.columns.lowerBound)
    }
    try gradients.write(joined, as: elementType)
    if ids != nil || losses != nil {
      for row in 0..<rows {
        var members: OrderedDictionary<String, OrderedJSON> = ["row": .integer(count + row)]
        if let ids { members["id"] = .string(ids[row]) }
        if let losses { members["loss"] = .number(losses[row]) }
        let line = try OrderedJSON.object(members).serialized()
        try examples.write(Array(line.utf8) + [UInt8(ascii: "\n")])
      }
    }
    count += rows
  }

  /// Makes the rows appended so far permanent.
  ///
  /// - Throws: ``GradientStoreError/notFinite(path:row:block:reason:)`` if a number was too large for
  ///   the stored type, or a file error. What was committed before stays as it was.
  public func commit() throws {
    try gradients.synchronize()
    try appendNorms()
    try norms.synchronize()
    try examples.synchronize()
    manifest.rows = count
    try record()
  }

  /// Commits, and marks the store complete.
  public func finish() throws {
    try commit()
    manifest.isComplete = true
    let map = try MemoryMap(opening: directory.appending(path: StoreDirectory.gradientsName))
    manifest.gradientsChecksum = try Checksum(of: map).description
    try record()
  }

  /// Appends the norms of the rows since the last commit, as they were stored.
  private func appendNorms() throws {
    let fresh = manifest.rows..<count
    guard !fresh.isEmpty else { return }
    let map = try MemoryMap(opening: directory.appending(path: StoreDirectory.gradientsName))
    var squared = Matrix<Double>.zeros(fresh.count, layout.count)
    for (index, block) in layout.blocks.enumerated() {
      let stored = try MappedMatrix(
        in: map, elementType: elementType,
        byteOffset: block.columns.lowerBound * elementType.byteCount, rows: count,
        columns: block.width, rowStride: max(layout.columnCount, 1))
      let squares = try BlockSource.mapped(stored).squaredRowNorms(rows: fresh, width: block.width)
      for (row, square) in squares.enumerated() {
        guard square.isFinite else {
          throw GradientStoreError.notFinite(
            path: directory.path, row: fresh.lowerBound + row, block: block.name,
            reason: "a gradient is too large for \(elementType.name); store bfloat16 or float32")
        }
        squared[row, index] = square
      }
    }
    try norms.write(squared, as: .float64)
  }

  /// Writes `info.json` and then `manifest.json`, each atomically.
  private func record() throws {
    manifest.fileSizes = [
      StoreDirectory.gradientsName: gradients.count, StoreDirectory.normsName: norms.count,
      StoreDirectory.examplesName: examples.count,
    ]
    let info = StoreDirectory.Info(rows: manifest.rows, layout: layout, elementType: elementType)
    try AtomicFile.write(
      try info.json.serialized(.indented) + "\n",
      to: directory.appending(path: StoreDirectory.infoName))
    try AtomicFile.write(
      try manifest.json.serialized(.indented) + "\n",
      to: directory.appending(path: StoreManifest.fileName))
  }
}
