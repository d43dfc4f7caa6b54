import Foundation
import LinearAlgebra
import TensorFiles

/// A store whose rows are made of another's, in their order: a copy or a projection.
///
/// What tells it from others is recorded in the manifest. A run that was stopped, by whatever, goes on from its
/// last committed row when it is run again.
struct StoreDerivation {
  let source: GradientStore
  /// The source's row that becomes the first.
  var firstRow = 0
  let destination: URL
  let layout: BlockLayout
  let elementType: ElementType
  /// The rank of the factors that rows are kept as; nil keeps them as they are.
  var factorRank: Int?
  /// What is recorded of the derivation, and by which key an unfinished one of its kind is known.
  let identity: [String: String]
  let key: String

  /// Writes the rows that are not written yet.
  ///
  /// - Parameters:
  ///   - require: Refuses an unfinished store that is another.
  ///   - append: Appends and commits rows, in single precision where the source has nothing wider.
  func run(
    requiring require: (StoreManifest) throws -> Void,
    appending append: (GradientStoreWriter, any Scalar.Type) throws -> Void
  ) throws -> (resumedRows: Int, rows: Int) {
    let known = try StoreManifest(ofStoreAt: destination)
    if let known {
      guard !known.isComplete, known.provenance[key] != nil else {
        throw GradientStoreError.alreadyExists(path: destination.path)
      }
      // Before it is told what to do about another store: its writer may be at work.
      _ = try StoreDirectory.lock(destination)
      try require(known)
    }
    let writer = try writer(goingOnFrom: known)
    let resumed = writer.committedCount
    do {
      try append(writer, source.isWide ? Double.self : Float.self)
      try writer.finish()
    } catch GradientStoreError.notFinite(_, let row, let block, let reason) {
      // The source must change, and then this is not made of it any more.
      if known == nil { StoreDirectory.remove(destination) }
      throw GradientStoreError.notFinite(
        path: source.name, row: firstRow + row, block: block, reason: reason)
    }
    return (resumed, writer.count)
  }

  private func writer(goingOnFrom known: StoreManifest?) throws -> GradientStoreWriter {
    guard let known else {
      return try GradientStoreWriter(
        creating: destination, layout: layout, elementType: elementType, factorRank: factorRank,
        provenance: source.rememberedProvenance.merging(identity) { $1 })
    }
    let writer = try GradientStoreWriter(resuming: destination)
    // Another run may have gone on between the look at the manifest and the lock.
    guard writer.manifest == known else {
      throw GradientStoreError.beingWritten(path: destination.path)
    }
    return writer
  }
}
