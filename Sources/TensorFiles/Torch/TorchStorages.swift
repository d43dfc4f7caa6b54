import OrderedCollections

/// The storages of a `.pt` file, and the tensors that are made of them, each checked against what is there.
struct TorchStorages {
  /// Where the numbers of one storage lie.
  struct Storage {
    let key: String
    let type: TorchType
    let byteOffset: Int
    let count: Int
  }

  /// The kind of number in a storage.
  struct TorchType: Equatable {
    /// PyTorch's name without `Storage`.
    let name: String
    let byteCount: Int
    let elementType: ElementType?

    init?(className: String) {
      guard className.hasSuffix("Storage") else { return nil }
      let name = String(className.dropLast("Storage".count))
      switch name {
      case "Float": (byteCount, elementType) = (4, .float32)
      case "Double": (byteCount, elementType) = (8, .float64)
      case "Half": (byteCount, elementType) = (2, .float16)
      case "BFloat16": (byteCount, elementType) = (2, .bfloat16)
      case "Long": (byteCount, elementType) = (8, nil)
      case "Int": (byteCount, elementType) = (4, nil)
      case "Short": (byteCount, elementType) = (2, nil)
      case "Char", "Byte", "Bool": (byteCount, elementType) = (1, nil)
      default: return nil
      }
      self.name = name
    }
  }

  /// How many times as many numbers as its storage has a tensor may claim, by strides that do not move on.
  private static let mostRepetitions = 64
  /// The most dimensions of a tensor that are read.
  private static let mostDimensions = 64

  let archive: StoredZip
  let root: String
  /// Numbers that tensors of all storages may still claim.
  private var claimable: Int

  init(archive: StoredZip, root: String) {
    self.archive = archive
    self.root = root
    // Every number takes a byte at least.
    claimable = archive.map.count * Self.mostRepetitions
  }

  /// The storage that a persistent id names: how many numbers of which type.
  func storage(key: String, type: TorchType, count: Int) throws(TensorFileError) -> Storage {
    let field = "data/\(key)"
    guard let member = archive.members[root + field] else {
      throw .missingField(path: archive.map.path, field: field)
    }
    let (size, isTooLarge) = count.multipliedReportingOverflow(by: type.byteCount)
    guard count >= 0, !isTooLarge, size == member.bytes.count else {
      throw .byteCountMismatch(
        path: archive.map.path, field: field, expected: isTooLarge ? Int.max : size,
        found: member.bytes.count)
    }
    return Storage(
      key: key, type: type, byteOffset: member.bytes.lowerBound, count: count)
  }

  /// A tensor of a storage, all of whose numbers are in it.
  mutating func tensor(
    of storage: Storage, offset: Int, shape: [Int], strides: [Int]
  ) throws(TensorFileError) -> TorchTensor {
    let path = archive.map.path
    func invalid(_ reason: String) -> TensorFileError {
      .invalidShape(path: path, field: "data/\(storage.key)", shape: shape, reason: reason)
    }
    guard shape.count == strides.count, shape.count <= Self.mostDimensions, offset >= 0,
      (shape + strides).allSatisfy({ $0 >= 0 })
    else {
      throw invalid(
        "its offset \(offset) and strides \(strides.prefix(8)) are none of a tensor; save it again")
    }
    let checked = try TensorShape(
      shape, bitCount: 8 * storage.type.byteCount, path: path, field: "data/\(storage.key)")
    guard checked.elementCount / Self.mostRepetitions <= storage.count,
      checked.elementCount <= claimable
    else {
      throw invalid(
        "it repeats the \(storage.count) numbers of its storage too often; save tensor.contiguous()"
      )
    }
    claimable -= checked.elementCount
    if checked.elementCount > 0 {
      var last = offset
      for (dimension, stride) in zip(shape, strides) {
        let (distance, isTooFar) = (dimension - 1).multipliedReportingOverflow(by: stride)
        let (sum, isTooLarge) = last.addingReportingOverflow(distance)
        guard !isTooFar, !isTooLarge else {
          throw invalid("it reaches past its storage; save it again")
        }
        last = sum
      }
      guard last < storage.count else {
        throw invalid(
          "it reaches to number \(last) of a storage of \(storage.count); the file is damaged, save it again"
        )
      }
    }
    return TorchTensor(
      map: archive.map, elementType: storage.type.elementType, typeName: storage.type.name,
      shape: shape, strides: strides,
      byteOffset: storage.byteOffset
        + (checked.elementCount > 0 ? offset * storage.type.byteCount : 0))
  }
}
