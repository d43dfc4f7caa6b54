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
/// there. Until ``finish()`` the store says that it is incomplete. A store has one writer at a time: a second
/// one, in this process or another, is refused until the first has finished, failed or gone.
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
  /// How rows are kept as factors; nil where they are kept as they are.
  public let factors: FactorLayout?
  /// Rows appended so far, committed or not.
  public private(set) var count: Int
  /// What is on disk.
  var manifest: StoreManifest
  var gradients: AppendableFile
  var norms: AppendableFile
  var examples: AppendableFile
  /// The scales of int8.
  var scales: AppendableFile?
  /// How much of each block the factors of the rows so far keep; nil where that is not known.
  var fidelity: [BlockFidelity]?
  private var hasFailed = false
  /// Keeps other writers out; nil once there is nothing to protect.
  private var lock: FolderLock?

  /// Opens the files of a store that nobody else writes.
  private init(_ directory: URL, _ manifest: StoreManifest, _ lock: consuming FolderLock) throws {
    func file(_ name: String) throws -> AppendableFile {
      try StoreDirectory.file(name, of: manifest, in: directory)
    }
    self.directory = directory
    self.manifest = manifest
    self.lock = consume lock
    layout = manifest.layout
    elementType = manifest.elementType
    factors = manifest.factors
    fidelity = manifest.fidelity
    count = manifest.rows
    gradients = try file(StoreFile.gradients)
    norms = try file(StoreFile.norms)
    examples = try file(StoreFile.examples)
    scales = elementType == .int8 ? try file(StoreFile.scales) : nil
  }

  /// Starts a new store.
  ///
  /// - Parameters:
  ///   - directory: Where to; created if it is not there. Must not hold a store.
  ///   - layout: The blocks of a row.
  ///   - elementType: How to store numbers.
  ///   - factorRank: The rank of the factors that rows are kept as (``FactorLayout``); nil keeps them as they are.
  ///   - provenance: What should be remembered: seed, model, data, anything.
  ///   - rowsPerChecksum: How many rows share a checksum, which is how exactly damage can be located;
  ///     the rows of 64 MiB unless given.
  /// - Throws: ``GradientStoreError/alreadyExists(path:)``, ``GradientStoreError/beingWritten(path:)``
  ///   or a file error.
  public convenience init(
    creating directory: URL, layout: BlockLayout, elementType: ElementType = .float32,
    factorRank: Int? = nil, provenance: [String: String] = [:], rowsPerChecksum: Int? = nil
  ) throws {
    precondition(rowsPerChecksum ?? 1 > 0, "a checksum of \(rowsPerChecksum ?? 0) rows")
    // Names from the caller may be anything, but must make a valid layout.
    _ = try BlockLayout(
      validating: layout.blocks.map { ($0.name, $0.shape) }, path: directory.path)
    let factors = try factorRank.map {
      try FactorLayout(rank: $0, of: layout, path: directory.path)
    }
    let isNew = try StoreDirectory.create(directory)
    let lock = try StoreDirectory.lock(directory)
    // Somebody may have been quicker.
    try StoreDirectory.requireVacant(directory)
    var manifest = StoreManifest(
      rows: 0, isComplete: false, elementType: elementType, layout: layout, factors: factors,
      fidelity: factors.map { $0.blocks.map { _ in BlockFidelity() } },
      fileSizes: StoreDirectory.names(of: elementType).reduce(into: [:]) { $0[$1] = 0 },
      provenance: provenance)
    manifest.checksums = StoreChecksums(
      rowsPerRange: rowsPerChecksum ?? StoreChecksums.rowsPerRange(rowBytes: manifest.rowBytes),
      of: elementType)
    // First of all, so that a store which a crash cuts short here can be resumed, too.
    do {
      try StoreDirectory.record(manifest, in: directory)
    } catch {
      if isNew { StoreDirectory.remove(directory) }
      throw error
    }
    try self.init(directory, manifest, lock)
  }

  /// Goes on with a store whose writer stopped; rows that were not committed are dropped.
  ///
  /// A complete store can be resumed too: it is incomplete again from the first row appended to the
  /// next ``finish()``.
  ///
  /// - Parameter directory: A store that ``init(creating:layout:elementType:factorRank:provenance:rowsPerChecksum:)`` began.
  /// - Throws: ``GradientStoreError/notResumable(path:reason:)`` where there is no such store,
  ///   ``GradientStoreError/beingWritten(path:)`` where another writer has it open, another
  ///   ``GradientStoreError`` or a file error.
  public convenience init(resuming directory: URL) throws {
    guard FileManager.default.fileExists(atPath: directory.path) else {
      throw GradientStoreError.notResumable(
        path: directory.path, reason: "no such folder, so there is nothing to resume")
    }
    let lock = try StoreDirectory.lock(directory)
    guard let manifest = try StoreManifest(ofStoreAt: directory) else {
      throw GradientStoreError.notResumable(
        path: directory.path, reason: "no manifest.json tells which rows are whole")
    }
    try self.init(directory, manifest, lock)
  }

  /// Starts a store, or goes on with what an interrupted writer left of the same one.
  ///
  /// - Parameters: As of ``init(creating:layout:elementType:factorRank:provenance:rowsPerChecksum:)``.
  /// - Throws: ``GradientStoreError/notResumable(path:reason:)`` where the folder holds a store of other blocks,
  ///   another type of numbers or another provenance; as the other two otherwise.
  package convenience init(
    continuing directory: URL, layout: BlockLayout, elementType: ElementType,
    provenance: [String: String]
  ) throws {
    guard try StoreManifest(ofStoreAt: directory) != nil else {
      try self.init(
        creating: directory, layout: layout, elementType: elementType, provenance: provenance)
      return
    }
    try self.init(resuming: directory)
    let differences = [
      ("blocks", manifest.layout == layout),
      ("type of numbers", manifest.elementType == elementType && manifest.factors == nil),
      ("origin", manifest.provenance == provenance),
    ].filter { !$0.1 }.map(\.0)
    guard differences.isEmpty else {
      release()
      throw GradientStoreError.notResumable(
        path: directory.path,
        reason:
          "its \(differences.joined(separator: " and its ")) is not what is to be written; choose another folder"
      )
    }
  }

  /// Appends the gradients of some examples.
  ///
  /// - Parameters:
  ///   - blocks: One `rows × d` matrix per block, in the layout's order.
  ///   - ids: The examples' names, if they have any.
  ///   - losses: The examples' losses, if known.
  ///   - texts: The examples' texts, if they are to be shown beside scores.
  ///   - labels: The names of their classes, if they have some.
  /// - Throws: ``GradientStoreError/notFinite(path:row:block:reason:)`` and
  ///   ``GradientStoreError/wrongShape(path:block:expected:found:)`` before anything is written, or a
  ///   file error, after which the writer does not go on.
  public func append<Element: Scalar>(
    _ blocks: [Matrix<Element>], ids: [String]? = nil, losses: [Double]? = nil,
    texts: [String]? = nil, labels: [String]? = nil
  ) throws {
    let rows = try checkedRowCount(of: blocks)
    let lines = try exampleLines(
      rows: rows, losses: losses, named: [("id", ids), ("text", texts), ("label", labels)])
    try append(blocks, checkedRows: rows, lines: lines)
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
    guard let factors else {
      return try append(fields: blocks, of: layout, rows: rows, lines: lines)
    }
    let factorized = try FactorizedRows(blocks, in: factors, as: elementType)
    try append(fields: factorized.fields, of: factors.fields, rows: rows, lines: lines)
    var sums = fidelity ?? []
    if !sums.isEmpty { factorized.add(to: &sums) }
    fidelity = sums.isEmpty ? nil : sums
  }

  /// Appends fields of factors as they stand, which are known to be finite; how much they keep is not.
  func append(fields: [Matrix<Double>], lines: [UInt8]) throws {
    precondition(factors != nil, "factors in a store of whole rows")
    fidelity = nil
    try append(
      fields: fields, of: manifest.fields, rows: fields.first?.rows ?? 0, lines: lines)
  }

  private func append<Element: Scalar>(
    fields: [Matrix<Element>], of layout: BlockLayout, rows: Int, lines: [UInt8]
  ) throws {
    if elementType == .int8 {
      let quantized = ScaledRows(fields, of: layout)
      try requireFinite(quantized, of: layout)
      return try append(quantized, rows: rows, lines: lines)
    }
    var joined = Matrix<Element>.zeros(rows, layout.columnCount)
    for (field, matrix) in zip(layout.blocks, fields) {
      joined.place(matrix, firstColumn: field.columns.lowerBound)
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

  /// Takes a step that changes files, unless an earlier one failed half way.
  func attempt(_ step: () throws -> Void) throws {
    guard !hasFailed else {
      throw GradientStoreError.writerFailed(path: directory.path, committedRows: committedCount)
    }
    try holdAgain()
    do {
      try step()
    } catch {
      hasFailed = true
      release()
      throw error
    }
  }

  /// Lets other writers in.
  func release() { lock = nil }

  /// Takes the lock that ``finish()`` gave back, to append more.
  ///
  /// - Throws: ``GradientStoreError`` where another writer holds it, or has changed the store since.
  private func holdAgain() throws {
    guard lock == nil else { return }
    let lock = try StoreDirectory.lock(directory)
    guard try StoreManifest(ofStoreAt: directory) == manifest else {
      throw GradientStoreError.notResumable(
        path: directory.path, reason: "another writer changed the store after this one had finished"
      )
    }
    self.lock = consume lock
  }
}
