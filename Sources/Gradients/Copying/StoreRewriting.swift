package import Foundation
package import LinearAlgebra
package import TensorFiles

/// Writes a store whose rows are computed from another's, one for one and in its order.
///
/// Ids, texts, labels and losses come along. A run that was stopped goes on from its last committed row when it is
/// run again with the same source and settings.
package struct StoreRewriting {
  /// What the rows are computed from.
  package let source: GradientStore
  /// The new store's directory.
  package let destination: URL
  /// The blocks of the new rows.
  package let layout: BlockLayout
  /// How the new store's numbers are stored.
  package let elementType: ElementType
  /// What is recorded of the rows; an unfinished store with other values is not gone on with.
  package let identity: [String: String]
  /// What is recorded, and may differ.
  package let notes: [String: String]
  /// The key of ``identity`` by which an unfinished store of this kind is known.
  package let key: String
  /// What the new store is called in errors: an index.
  package let noun: String

  /// Describes a store; nothing is read or written yet.
  package init(
    of source: GradientStore, to destination: URL, layout: BlockLayout, elementType: ElementType,
    identity: [String: String], notes: [String: String], key: String, noun: String
  ) {
    self.source = source
    self.destination = destination
    self.layout = layout
    self.elementType = elementType
    self.identity = identity
    self.notes = notes
    self.key = key
    self.noun = noun
  }

  /// What an unfinished store at a place remembers; nil where none is.
  ///
  /// - Throws: An error of its manifest.
  package static func unfinished(at destination: URL) throws -> [String: String]? {
    guard let known = try StoreManifest(ofStoreAt: destination), !known.isComplete else {
      return nil
    }
    return known.provenance
  }

  /// Writes the rows that are not written yet.
  ///
  /// - Parameters:
  ///   - rowsAtATime: How many rows are computed and committed together, at least 1.
  ///   - progress: Called with the share of rows that are committed.
  ///   - rows: One `rows × d` matrix per block, of some of the source's rows.
  /// - Throws: ``GradientStoreError/alreadyExists(path:)``, ``GradientStoreError/notResumable(path:reason:)`` where
  ///   something else was begun, ``GradientStoreError/notFinite(path:row:block:reason:)``, or an error of a file.
  package func run(
    rowsAtATime: Int, progress: ((Double) -> Void)? = nil,
    rows: (Range<Int>) throws -> [Matrix<Double>]
  ) throws -> StoreCopy.Outcome {
    precondition(rowsAtATime > 0, "\(rowsAtATime) rows at a time")
    let derivation = StoreDerivation(
      source: source, destination: destination, layout: layout, elementType: elementType,
      identity: identity.merging(notes) { $1 }, key: key)
    let (resumed, count) = try derivation.run(requiring: require) { writer, _ in
      var examples = try ExampleReader(of: source)
      while writer.count < source.count {
        let part = writer.count..<min(source.count, writer.count + rowsAtATime)
        try writer.append(rows(part), lines: examples.lines(of: part, countedFrom: 0))
        try source.requireUnchanged()
        try writer.commit()
        progress?(Double(writer.count) / Double(max(1, source.count)))
      }
    }
    return StoreCopy.Outcome(resumedRows: resumed, rows: count)
  }

  private func require(_ manifest: StoreManifest) throws {
    for (field, value) in identity.sorted(by: { $0.key < $1.key })
    where manifest.provenance[field] != value {
      throw GradientStoreError.notResumable(
        path: destination.path,
        reason:
          "an unfinished \(noun) is there whose \(field) is \((manifest.provenance[field] ?? "none").quoted), where \(value.quoted) is asked for; choose another folder, or delete it first"
      )
    }
    guard manifest.elementType == elementType, manifest.layout == layout else {
      throw GradientStoreError.notResumable(
        path: destination.path,
        reason:
          "an unfinished \(noun) in \(manifest.elementType), or of other blocks, is there; choose another folder, or delete it first"
      )
    }
  }
}
