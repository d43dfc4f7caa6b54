public import Foundation
import OrderedCollections

/// A `.pt` file of `torch.save` (PyTorch 1.6 and later): tensors in a memory-mapped zip archive.
///
/// The pickle in it is read by a machine that knows tensors, dictionaries, lists and plain values alone: nothing that the file
/// names is imported or called, and whatever else is in it is refused by name. Tensors are looked at where they lie.
public struct TorchFile: Sendable {
  /// The file.
  public let map: MemoryMap
  /// What was saved.
  public let value: TorchValue

  private let archive: StoredZip

  /// Opens a file, or gives nil for a zip archive that PyTorch did not write.
  ///
  /// - Throws: ``TensorFileError``, which says what cannot be read, and where.
  /// - Complexity: O(t) for t tensors, whose numbers are not read.
  public init?(opening url: URL) throws(TensorFileError) {
    let map = try MemoryMap(opening: url)
    let archive = try StoredZip(of: map)
    let pickles = archive.members.keys.filter { $0.hasSuffix("/data.pkl") }
    guard let name = pickles.first, let pickle = archive.members[name] else { return nil }
    guard pickles.count == 1 else {
      throw .malformedArchive(
        path: map.path, offset: pickle.bytes.lowerBound, problem: "it has two members data.pkl")
    }
    let root = String(name.dropLast("data.pkl".count))
    let isScript = archive.members.keys.contains {
      $0 == root + "constants.pkl" || $0.hasPrefix(root + "code/")
    }
    guard !isScript else {
      throw .unsupportedPickle(
        path: map.path, offset: pickle.bytes.lowerBound, found: "a TorchScript program")
    }
    if let order = archive.members[root + "byteorder"] {
      let text = try map.bytes(in: order.bytes.prefix(16))
      guard text.starts(with: Array("little".utf8)) else {
        throw .invalidField(
          path: map.path, field: "byteorder", expected: "little",
          found: String(decoding: text, as: UTF8.self))
      }
    }
    try archive.verify([pickle])
    guard MachineMemory.holds(pickle.bytes.count, 64) else {
      throw .invalidField(
        path: map.path, field: "data.pkl", expected: "a pickle that fits in memory",
        found: "\(pickle.bytes.count) bytes")
    }
    var machine = PickleMachine(
      bytes: try map.bytes(in: pickle.bytes), offset: pickle.bytes.lowerBound,
      storages: TorchStorages(archive: archive, root: root))
    self.map = map
    self.archive = archive
    value = try machine.run()
  }

  /// Compares every member of the archive with its checksum.
  ///
  /// - Throws: ``TensorFileError/wrongChecksum(path:recorded:found:)``.
  /// - Complexity: one pass over the file.
  public func verify() throws(TensorFileError) {
    try archive.verify(archive.members.values)
  }
}

extension Range where Bound == Int {
  /// The first of the places, at most so many.
  fileprivate func prefix(_ count: Int) -> Range {
    lowerBound..<Swift.min(upperBound, lowerBound + count)
  }
}
