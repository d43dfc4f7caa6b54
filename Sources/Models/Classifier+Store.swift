public import Data
public import Foundation
internal import Gradients

extension Classifier {
  /// Writes the gradients of examples as a store, with the examples' ids and losses.
  ///
  /// - Parameters:
  ///   - examples: Examples that fit the model.
  ///   - target: What the gradients are of.
  ///   - folder: Where to: nothing, or an empty folder.
  ///   - provenance: What to record in the manifest.
  ///   - progress: Called with the share of the examples that are written.
  /// - Throws: ``ModelError`` if the examples do not fit; `GradientStoreError`, or an error of a file.
  public func writeGradients(
    of examples: TabularDataSet<Element>, target: GradientTarget = .loss, to folder: URL,
    provenance: [String: String], progress: ((Double) -> Void)? = nil
  ) throws {
    let writer = try GradientStoreWriter(
      creating: folder, layout: layout, provenance: provenance)
    // Wide rows come in smaller batches, of half a gigabyte at most.
    let batchSize = max(1, min(256, (1 << 29) / (8 * max(1, layout.columnCount))))
    try forEachGradientBatch(of: examples, target: target, batchSize: batchSize) {
      rows, blocks, losses in
      try writer.append(blocks, ids: rows.map { "\(examples.ids[$0])" }, losses: losses)
      progress?(Double(rows.upperBound) / Double(examples.count))
    }
    try writer.finish()
  }
}
