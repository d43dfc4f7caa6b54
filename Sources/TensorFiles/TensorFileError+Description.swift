extension TensorFileError: CustomStringConvertible {
  /// One line: the file, the place, expected against found, and what to do.
  public var description: String { "\(path.legible): \(problem)" }

  /// The file that the error is about, as it was named to the call that failed.
  public var path: String {
    switch self {
    case .notFound(let path), .notRegularFile(let path), .permissionDenied(let path, _),
      .missingFolder(let path, _), .changed(let path, _), .readOnly(let path), .noSpace(let path),
      .mountPoint(let path),
      .operationFailed(let path, _, _, _), .outOfBounds(let path, _, _, _),
      .misaligned(let path, _, _), .invalidShape(let path, _, _, _),
      .shapeOverflow(let path, _, _), .byteCountMismatch(let path, _, _, _),
      .wrongFormat(let path, _, _, _), .unsupportedVersion(let path, _, _, _),
      .truncated(let path, _, _, _), .headerTooLong(let path, _, _, _),
      .trailingBytes(let path, _, _), .malformedHeader(let path, _, _),
      .malformedArchive(let path, _, _), .unsupportedPickle(let path, _, _),
      .malformedJSON(let path, _, _), .invalidUTF8(let path, _), .duplicateKey(let path, _, _),
      .unwritableNumber(let path, _), .missingField(let path, _),
      .invalidField(let path, _, _, _), .unknownElementType(let path, _, _),
      .unsupportedElementType(let path, _, _, _), .reversedOffsets(let path, _, _, _),
      .offsetsOutOfRange(let path, _, _, _, _), .overlappingTensors(let path, _, _, _),
      .unclaimedBytes(let path, _, _), .unknownTensor(let path, _, _),
      .wrongChecksum(let path, _, _), .otherResults(let path, _, _, _):
      path
    }
  }

  private var problem: String {
    switch self {
    case .notFound:
      "no such file; check the path."
    case .notRegularFile:
      "not a file on this machine (a folder, a device or a pipe); name the file itself."
    case .permissionDenied(_, let operation):
      "no permission to \(operation); change the file's or folder's mode, or choose another place."
    case .missingFolder(_, let folder):
      "the folder \(folder.legible) does not exist; create it first."
    case .mountPoint:
      "another file system is mounted there, so that a finished folder cannot take its place; name a folder inside it."
    case .readOnly:
      "the file system is read-only; choose another place."
    case .noSpace:
      "no space left on the device, or the quota is used up; free some space and run it again."
    case .changed(_, let change):
      "the file \(change) while it was used; run again when nothing else writes it."
    case .operationFailed(_, let operation, let code, let reason):
      "could not \(operation): \(reason) (error \(code)); see the operating system's log."
    case .outOfBounds(_, let offset, let byteCount, let fileSize):
      "\(byteCount.map(String.init) ?? "more than 2^63") bytes at byte \(offset) reach past the end "
        + "of a file of \(fileSize) bytes; check that the file is complete and the shape is right."
    case .misaligned(_, let offset, let alignment):
      "the values at byte \(offset) are not aligned to \(alignment) bytes; "
        + "read them as a matrix (a copy) instead of a view."
    case .invalidShape(_, let field, let shape, let reason):
      "\(field.legible): shape \(shape.legible): \(reason)."
    case .shapeOverflow(_, let field, let shape):
      "\(field.legible): shape \(shape.legible) has more than 2^63 bytes; the header is damaged, "
        + "write the file again."
    case .byteCountMismatch(_, let field, let expected, let found):
      "\(field.legible): shape and element type need \(expected) bytes, found \(found); the file is "
        + "cut short or damaged, write it again."
    case .wrongChecksum(_, let recorded, let found):
      "damaged or edited: its checksum is \(recorded.legible), and what it holds has \(found); restore "
        + "it from a copy, or write it again."
    case .otherResults(_, let record, let recorded, let found):
      "the record \(record.legible) is not that of this file: it is of bytes with the checksum "
        + "\(recorded.legible), and these have \(found); restore both from a copy, or make them again."
    case .wrongFormat(_, let offset, let expected, let found):
      "expected \(expected) at byte \(offset), found \(found.legible); check that this is the "
        + "right file."
    case .unsupportedVersion(_, let offset, let found, let supported):
      "version \(found.legible) at byte \(offset) is not known (known: \(supported)); save the file "
        + "in a known version."
    case .truncated(_, let offset, let needed, let fileSize):
      "\(needed) bytes are needed from byte \(offset) on, but the file has \(fileSize) bytes in all; "
        + "it is cut short, copy or write it again."
    case .headerTooLong(_, let offset, let length, let limit):
      "the header length at byte \(offset) is \(length) bytes, above the limit of \(limit); check "
        + "that this is the right file."
    case .trailingBytes(_, let offset, let byteCount):
      "\(byteCount) bytes follow the last value, from byte \(offset) on; the header does not "
        + "describe the whole file, write it again."
    case .malformedHeader(_, let offset, let problem):
      "header, byte \(offset): \(problem.legible); save the array again with numpy.save."
    case .malformedArchive(_, let offset, let problem):
      "zip archive, byte \(offset): \(problem.legible); it is cut short or damaged, copy it again, or save it again with torch.save."
    case .unsupportedPickle(_, let offset, let found):
      "byte \(offset): it holds \(found.legible), and only dense tensors, dictionaries, lists and plain values are read; load it in PyTorch and "
        + "torch.save a dictionary of tensors, in the default protocol."
    case .malformedJSON(_, let offset, let problem):
      "not JSON at byte \(offset): \(problem.legible); correct the text or write the file again."
    case .invalidUTF8(_, let offset):
      "the string at byte \(offset) is not UTF-8; write the file again in UTF-8."
    case .duplicateKey(_, let offset, let key):
      "the key \(key.quoted) at byte \(offset) stands for the second time; remove one of the two."
    case .unwritableNumber(_, let field):
      "\(field.legible): JSON has no infinity and no NaN; store the number as a string or leave "
        + "it out."
    case .missingField(_, let field):
      "the field \(field.quoted) is missing; write the file again with it."
    case .invalidField(_, let field, let expected, let found):
      "\(field.quoted): expected \(expected), found \(found.legible); correct the field."
    case .unknownElementType(_, let field, let found):
      "\(field.quoted): unknown element type \(found.quoted); the header is damaged, or newer than "
        + "this reader."
    case .unsupportedElementType(_, let field, let found, let supported):
      "\(field.quoted): element type \(found.quoted) is not supported here (supported: "
        + "\(supported)); convert the values first."
    case .reversedOffsets(_, let field, let begin, let end):
      "\(field.quoted): data begins at \(begin), after its end \(end); the header is damaged, write "
        + "the file again."
    case .offsetsOutOfRange(_, let field, let begin, let end, let dataSize):
      "\(field.quoted): data \(begin)..<\(end) lies outside the data section of \(dataSize) bytes; "
        + "the file is cut short, copy or write it again."
    case .overlappingTensors(_, let first, let second, let offset):
      "the tensors \(first.quoted) and \(second.quoted) share bytes from byte \(offset) on; the "
        + "header is damaged, write the file again."
    case .unclaimedBytes(_, let offset, let byteCount):
      "\(byteCount) bytes from byte \(offset) on belong to no tensor; the header is damaged, write "
        + "the file again."
    case .unknownTensor(_, let name, let available):
      "no tensor is named \(name.quoted); it has \(available.legible)."
    }
  }
}

extension [Int] {
  fileprivate var legible: String {
    count <= 16 ? "\(self)" : "\(Array(prefix(16))) and \(count - 16) dimensions more"
  }
}

extension [String] {
  fileprivate var legible: String {
    guard !isEmpty else { return "no tensors" }
    let names = prefix(8).map(\.quoted).joined(separator: ", ")
    return count <= 8 ? names : "\(names) and \(count - 8) more"
  }
}
