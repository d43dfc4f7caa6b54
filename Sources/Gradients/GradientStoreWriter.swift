public import Foundation
public import LinearAlgebra
public import TensorFiles

/// Writes a gradient store, row by row, so that a crash never loses what was committed.
///
///     let writer = try GradientStoreWriter(creating: directory, layout: layout)
///     for batch in batches { try writer.append(batch.gradients); try writer.commit() }
///     try writer.finish()
///
/// Rows are appended to files, then counted by replacing `manifest.json` atomically. A writer that
/// was killed leaves a store with the rows of its last commit, and ``init(resuming:)`` goes on from
/// there. Until ``finish()`` the store says that it is incomplete. Give a store one writer at a time.
///
/// After an error in the middle of writing, such as a full disk, a file may hold half a row. The
/// writer then refuses to go on; resume the store with a new one. Errors that say what is wrong with
/// the rows to append come before anything is written, and leave the writer as it was.
public final class GradientStoreWriter {
  /// The store's directory.
  public let directory: URL
  /// The blocks.
  public let layout: BlockLayout
  /// How numbers are stored.
  public let elementType: ElementType
  /// Rows appended so far, committed or not.
  public private(set) var count: Int
  /// What is on disk.
  private var manifest: StoreManifest
  private var gradients: AppendableFile
  private var norms: AppendableFile
  private var examples: AppendableFile
  /// The scales of int8.
  private var scales: AppendableFile?
  private var hasFailed = false

  /// Starts a new store.
  ///
  /// - Parameters:
  ///   - directory: Where to; created if it is not there. Must not hold a store.
  ///   - layout: The blocks of a row.
  ///   - elementType: How to store numbers.
  ///   - provenance: What should be remembered: seed, model, data, anything.
  ///   - rowsPerChecksum: How many rows share a checksum, which is how exactly damage can be located;
  ///     the rows of 64 MiB unless given.
  /// - Throws: ``GradientStoreError/alreadyExists(path:)`` or a file error.
  public init(
    creating directory: URL, layout: BlockLayout, elementType: ElementType = .float32,
    provenance: [String: String] = [:], rowsPerChecksum: Int? = nil
  ) throws {
    precondition(rowsPerChecksum ?? 1 > 0, "a checksum of \(rowsPerChecksum ?? 0) rows")
    // Names from the caller may be anything, but must make a valid layout.
    _ = try BlockLayout(
      validating: layout.blocks.map { ($0.name, $0.shape) }, path: directory.path)
    try StoreDirectory.create(directory)
    self.directory = directory
    self.layout = layout
    self.elementType = elementType
    count = 0
    manifest = StoreManifest(
      rows: 0, isComplete: false, elementType: elementType, layout: layout,
      fileSizes: StoreDirectory.names(of: elementType).reduce(into: [:]) { $0[$1] = 0 },
      checksums: StoreChecksums(
        rowsPerRange: rowsPerChecksum
          ?? StoreChecksums.rowsPerRange(
            rowBytes: layout.columnCount * elementType.byteCount),
        of: elementType),
      provenance: provenance)
    // First of all, so that a store which a crash cuts short here can be resumed, too.
    try StoreDirectory.record(manifest, in: directory)
    gradients = try StoreDirectory.file(StoreDirectory.gradientsName, of: manifest, in: directory)
    norms = try StoreDirectory.file(StoreDirectory.normsName, of: manifest, in: directory)
    examples = try StoreDirectory.file(StoreDirectory.examplesName, of: manifest, in: directory)
    scales =
      elementType == .int8
      ? try StoreDirectory.file(StoreDirectory.scalesName, of: manifest, in: directory) : nil
  }

  /// Goes on with a store whose writer stopped; rows that were not committed are dropped.
  ///
  /// A complete store can be resumed too: it is incomplete again from the first row appended to the
  /// next ``finish()``.
  ///
  /// - Parameter directory: A store that ``init(creating:layout:elementType:provenance:rowsPerChecksum:)`` began, and
  ///   that no other writer has open.
  /// - Throws: ``GradientStoreError/notResumable(path:reason:)`` where there is no such store, another
  ///   ``GradientStoreError`` or a file error.
  public init(resuming directory: URL) throws {
    guard FileManager.default.fileExists(atPath: directory.path) else {
      throw GradientStoreError.notResumable(
        path: directory.path, reason: "no such folder, so there is nothing to resume")
    }
    guard let manifest = try StoreManifest(ofStoreAt: directory) else {
      throw GradientStoreError.notResumable(
        path: directory.path, reason: "no manifest.json tells which rows are whole")
    }
    self.directory = directory
    self.manifest = manifest
    layout = manifest.layout
    elementType = manifest.elementType
    count = manifest.rows
    gradients = try StoreDirectory.file(StoreDirectory.gradientsName, of: manifest, in: directory)
    norms = try StoreDirectory.file(StoreDirectory.normsName, of: manifest, in: directory)
    examples = try StoreDirectory.file(StoreDirectory.examplesName, of: manifest, in: directory)
    scales =
      elementType == .int8
      ? try StoreDirectory.file(StoreDirectory.scalesName, of: manifest, in: directory) : nil
  }

  /// Rows that would survive a crash now.
  public var committedCount: Int { manifest.rows }

  /// Appends the gradients of some examples.
  ///
  /// - Parameters:
  ///   - blocks: One `rows × d` matrix a block, in the layout's order.
  ///   - ids: The examples' names, if they have any.
  ///   - losses: The examples' losses, if known.
  /// - Throws: ``GradientStoreError/notFinite(path:row:block:reason:)`` and
  ///   ``GradientStoreError/wrongShape(path:block:expected:found:)`` before anything is written, or a
  ///   file error, after which the writer does not go on.
  public func append<Element: Scalar>(
    _ blocks: [Matrix<Element>], ids: [String]? = nil, losses: [Double]? = nil
  ) throws {
    let rows = try checkedRowCount(of: blocks)
    try append(
      blocks, checkedRows: rows, lines: exampleLines(rows: rows, ids: ids, losses: losses))
  }

  /// Appends the gradients of some examples, with their lines of `examples.jsonl` as they stand.
  func append<Element: Scalar>(_ blocks: [Matrix<Element>], lines: [UInt8]) throws {
    try append(blocks, checkedRows: checkedRowCount(of: blocks), lines: lines)
  }

  /// Appends rows of int8 as they stand.
  func append(_ stored: ScaledRows, rows: Int, lines: [UInt8]) throws {
    precondition(elementType == .int8, "integers in a store of \(elementType)")
    try append(rows: rows, lines: lines) {
      try gradients.write(stored.integers.span)
      try scales?.write(stored.scales.span)
    }
  }

  private func append<Element: Scalar>(
    _ blocks: [Matrix<Element>], checkedRows rows: Int, lines: [UInt8]
  ) throws {
    if elementType == .int8 {
      let quantized = ScaledRows(blocks, of: layout)
      try requireFinite(quantized, rows: rows)
      return try append(quantized, rows: rows, lines: lines)
    }
    var joined = Matrix<Element>.zeros(rows, layout.columnCount)
    for (block, matrix) in zip(layout.blocks, blocks) {
      joined.place(matrix, firstColumn: block.columns.lowerBound)
    }
    try append(rows: rows, lines: lines) { try gradients.write(joined, as: elementType) }
  }

  private func append(rows: Int, lines: [UInt8], _ write: () throws -> Void) throws {
    guard rows > 0 else { return }
    try attempt {
      if manifest.isComplete {
        // A reader must not take a file that grows for a complete one.
        try record {
          $0.isComplete = false; $0.gradientsChecksum = nil
        }
      }
      try write()
      try examples.write(lines)
    }
    count += rows
  }

  /// Makes the rows appended so far permanent.
  ///
  /// - Throws: ``GradientStoreError/notFinite(path:row:block:reason:)`` if a number was too large for
  ///   the stored type, or a file error. What was committed before stays as it was, and the writer
  ///   does not go on.
  public func commit() throws {
    try attempt {
      try gradients.synchronize()
      try scales?.synchronize()
      try appendNorms()
      try norms.synchronize()
      try examples.synchronize()
      let checksums = try checksumsOfAppended()
      // Only now may the rows be counted: every byte of theirs would survive a power cut.
      try record {
        $0.rows = count; $0.checksums = checksums
      }
    }
  }

  /// Commits, and marks the store complete.
  ///
  /// - Throws: What ``commit()`` throws.
  /// - Complexity: reads all of the gradients, for their checksum.
  public func finish() throws {
    try commit()
    try attempt {
      let map = try MemoryMap(opening: directory.appending(path: StoreDirectory.gradientsName))
      let checksum = try Checksum(of: map, range: 0..<gradients.count).description
      try record {
        $0.isComplete = true; $0.gradientsChecksum = checksum
      }
    }
  }

  /// Takes a step that changes files, unless an earlier one failed half way.
  private func attempt(_ step: () throws -> Void) throws {
    guard !hasFailed else {
      throw GradientStoreError.writerFailed(path: directory.path, committedRows: committedCount)
    }
    do {
      try step()
    } catch {
      hasFailed = true
      throw error
    }
  }

  /// Changes the manifest, on disk first.
  private func record(_ change: (inout StoreManifest) -> Void) throws {
    var next = manifest
    change(&next)
    next.fileSizes = [
      StoreDirectory.gradientsName: gradients.count, StoreDirectory.normsName: norms.count,
      StoreDirectory.examplesName: examples.count,
    ]
    if let size = scales?.count { next.fileSizes[StoreDirectory.scalesName] = size }
    try StoreDirectory.record(next, in: directory)
    manifest = next
  }

  /// The checksums of what is committed, carried on over what was appended since.
  ///
  /// Those of a store of an older version, which has none, are taken of all that it committed.
  private func checksumsOfAppended() throws -> StoreChecksums {
    let rowBytes = layout.columnCount * elementType.byteCount
    let known = manifest.checksums
    var checksums =
      known
      ?? StoreChecksums(
        rowsPerRange: StoreChecksums.rowsPerRange(rowBytes: rowBytes), of: elementType)
    func first(_ name: String) -> Int { known == nil ? 0 : manifest.fileSizes[name] ?? 0 }
    func map(_ name: String) throws -> MemoryMap {
      try MemoryMap(opening: directory.appending(path: name))
    }
    let (gradientsName, normsName) = (StoreDirectory.gradientsName, StoreDirectory.normsName)
    let examplesName = StoreDirectory.examplesName
    if first(gradientsName) < gradients.count {
      try checksums.append(
        rows: first(gradientsName) / rowBytes..<count, rowBytes: rowBytes, of: map(gradientsName))
    }
    if first(normsName) < norms.count {
      try checksums.norms.update(map(normsName), range: first(normsName)..<norms.count)
    }
    if first(examplesName) < examples.count {
      try checksums.examples.update(
        map(examplesName), range: first(examplesName)..<examples.count)
    }
    let scalesName = StoreDirectory.scalesName
    if let size = scales?.count, first(scalesName) < size {
      try checksums.scales?.update(map(scalesName), range: first(scalesName)..<size)
    }
    return checksums
  }

  /// Appends the norms of the rows since the last commit, as they were stored.
  private func appendNorms() throws {
    let fresh = manifest.rows..<count
    guard !fresh.isEmpty else { return }
    func map(_ name: String) throws -> MemoryMap {
      try MemoryMap(opening: directory.appending(path: name))
    }
    let sources = try StoreDirectory.blockSources(
      of: layout, rows: count, elementType: elementType,
      gradients: map(StoreDirectory.gradientsName),
      scales: elementType == .int8 ? map(StoreDirectory.scalesName) : nil)
    var squared = Matrix<Double>.zeros(fresh.count, layout.count)
    for (index, block) in layout.blocks.enumerated() {
      let squares = try sources[index].squaredRowNorms(rows: fresh, width: block.width)
      for (row, square) in squares.enumerated() {
        guard square.isFinite else {
          throw GradientStoreError.notFinite(
            path: directory.path, row: fresh.lowerBound + row, block: block.name,
            reason:
              "a gradient is too large for \(elementType); resume the store and leave the example out, or write a new store of \(elementType.wider)"
          )
        }
        squared[row, index] = square
      }
    }
    try norms.write(squared, as: .float64)
  }
}
