import Gradients
import LinearAlgebra

extension FitDirectory {
  /// A property of a training store that is not what it was.
  struct Difference {
    let field: String
    let recorded: String
    let found: String
  }

  /// Where a store is not the one that was fitted; nil where it is.
  ///
  /// - Parameters:
  ///   - manifest: What is on record.
  ///   - training: The store.
  /// - Complexity: reads no gradients of stores whose writer recorded a checksum; all bytes of others.
  func difference(
    of manifest: FitManifest, from training: GradientStore
  ) throws -> Difference? {
    let blocks = manifest.blocks
    guard training.count == manifest.exampleCount else {
      return Difference(
        field: "number of rows", recorded: "\(manifest.exampleCount)", found: "\(training.count)")
    }
    func text(_ name: String, _ shape: [Int]) -> String { "\(name) \(shape)" }
    let recorded = blocks.map { text($0.name, $0.shape) }
    let found = training.layout.blocks.map { text($0.name, $0.shape) }
    if recorded != found {
      let place = zip(recorded, found).enumerated().first { $0.element.0 != $0.element.1 }?.offset
      guard let place else {
        return Difference(
          field: "number of blocks", recorded: "\(recorded.count)", found: "\(found.count)")
      }
      return Difference(
        field: "block \(place)", recorded: recorded[place], found: found[place])
    }
    for (index, block) in blocks.enumerated()
    where training.members(ofBlock: index) != block.members {
      return Difference(
        field: "blocks in \(block.name)", recorded: block.members.joined(separator: " + "),
        found: training.members(ofBlock: index).joined(separator: " + "))
    }
    let checksum = try training.checksum()
    guard checksum == manifest.trainingChecksum else {
      return Difference(
        field: "checksum (CRC-32C of the gradients)", recorded: manifest.trainingChecksum ?? "none",
        found: checksum ?? "none")
    }
    // Where norms cost nothing, or are all that there is to tell stores apart.
    guard manifest.norms != nil, training.recordsNorms || checksum == nil else { return nil }
    let kept = try norms(of: manifest)
    let current = try training.squaredNorms()
    let rows = zip(kept.blocks, current.blocks).compactMap { one, other in
      zip(one, other).enumerated().first { $0.element.0 != $0.element.1 }?.offset
    }
    guard let row = rows.min() else { return nil }
    func total(_ norms: GradientNorms) -> Double { norms.blocks.reduce(0) { $0 + $1[row] } }
    return Difference(
      field: "norms of row \(row)", recorded: "\(total(kept)) (squared)", found: "\(total(current))"
    )
  }
}
