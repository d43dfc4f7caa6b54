/// What went wrong with a file of numbers: which file, where in it, what was expected and found.
///
/// Every case carries the path. `offset` is a byte offset from the start of the file and `field` is
/// a key inside a header, such as `layers.0.weight.shape`. ``description`` is one line that ends
/// with what to do next.
public enum TensorFileError: Error, Sendable, Equatable {
  // MARK: The file system

  /// No file has this name.
  case notFound(path: String)
  /// The path names a folder, a device, a pipe or something that is not on this machine.
  case notRegularFile(path: String)
  /// The operating system does not let this user do `operation`.
  case permissionDenied(path: String, operation: String)
  /// The folder that should receive the file does not exist.
  case missingFolder(path: String, folder: String)
  /// Another file system is mounted at the folder whose place a finished folder should take.
  case mountPoint(path: String)
  /// The file system is mounted read-only.
  case readOnly(path: String)
  /// The device, or this user's quota, is full.
  case noSpace(path: String)
  /// The file is not any more what it was when it was opened; `change` says what happened to it.
  case changed(path: String, change: String)
  /// Another failure, with the operating system's code and words.
  case operationFailed(path: String, operation: String, code: Int32, reason: String)

  // MARK: Ranges and shapes

  /// A range of bytes reaches past the end; `byteCount` is nil where it does not fit in an Int.
  case outOfBounds(path: String, offset: Int, byteCount: Int?, fileSize: Int)
  /// Elements do not start at a multiple of their alignment, so they cannot be looked at in place.
  case misaligned(path: String, offset: Int, alignment: Int)
  /// A shape that this operation cannot serve.
  case invalidShape(path: String, field: String, shape: [Int], reason: String)
  /// The product of a shape's dimensions, in bytes, does not fit in an Int.
  case shapeOverflow(path: String, field: String, shape: [Int])
  /// The bytes present are not as many as the shape and the element type ask for.
  case byteCountMismatch(path: String, field: String, expected: Int, found: Int)

  // MARK: Checksums

  /// A file's bytes, or the values of a JSON object, are not those that its own checksum was taken of.
  case wrongChecksum(path: String, recorded: String, found: String)
  /// The record that has a file's name describes other bytes.
  case otherResults(path: String, record: String, recorded: String, found: String)

  // MARK: Headers

  /// The file does not begin the way the format requires.
  case wrongFormat(path: String, offset: Int, expected: String, found: String)
  /// A version of the format that is not known here.
  case unsupportedVersion(path: String, offset: Int, found: String, supported: String)
  /// The file ends before the part that starts at `offset`.
  case truncated(path: String, offset: Int, needed: UInt64, fileSize: Int)
  /// The header claims more bytes than the format allows.
  case headerTooLong(path: String, offset: Int, length: UInt64, limit: Int)
  /// Bytes remain after the last value.
  case trailingBytes(path: String, offset: Int, byteCount: Int)
  /// A `.npy` header is not the Python dictionary that the format requires.
  case malformedHeader(path: String, offset: Int, problem: String)
  /// A zip archive, or the pickle in it, is not made as PyTorch makes them.
  case malformedArchive(path: String, offset: Int, problem: String)
  /// A pickle holds something that is neither a tensor, nor a container, nor a plain value.
  case unsupportedPickle(path: String, offset: Int, found: String)
  /// Text is not JSON.
  case malformedJSON(path: String, offset: Int, problem: String)
  /// A string is not UTF-8.
  case invalidUTF8(path: String, offset: Int)
  /// A key stands twice in one object.
  case duplicateKey(path: String, offset: Int, key: String)
  /// A number that JSON cannot write: infinite, or not a number.
  case unwritableNumber(path: String, field: String)

  // MARK: Fields

  /// A required key is absent.
  case missingField(path: String, field: String)
  /// A key has a value of the wrong kind.
  case invalidField(path: String, field: String, expected: String, found: String)
  /// An element type that nobody has heard of.
  case unknownElementType(path: String, field: String, found: String)
  /// A known element type whose values cannot be read or written here.
  case unsupportedElementType(path: String, field: String, found: String, supported: String)
  /// A tensor's data begins after its end.
  case reversedOffsets(path: String, field: String, begin: Int, end: Int)
  /// A tensor's data lies, at least partly, past the end of the file's data section.
  case offsetsOutOfRange(path: String, field: String, begin: Int, end: Int, dataSize: Int)
  /// Two tensors claim the same bytes, from `offset` on.
  case overlappingTensors(path: String, first: String, second: String, offset: Int)
  /// Bytes inside the data section belong to no tensor.
  case unclaimedBytes(path: String, offset: Int, byteCount: Int)
  /// The file has no tensor of this name.
  case unknownTensor(path: String, name: String, available: [String])
}
