public import Foundation
public import LinearAlgebra
public import OrderedCollections

/// Writes a `.safetensors` file tensor by tensor, without holding them all.
///
/// The header comes first in the file, so names, types and shapes are declared first; then the
/// numbers follow in the same order, in pieces of any size. The file appears when ``commit()``
/// returns, whole.
///
///     var writer = try SafetensorsWriter(
///       at: url, tensors: [.init(name: "a", elementType: .float32, shape: [2, 3])])
///     try writer.append(matrix)
///     try writer.commit()
public struct SafetensorsWriter: ~Copyable {
  /// What a tensor will be.
  public struct Declaration: Sendable, Hashable {
    /// The tensor's name.
    public let name: String
    /// How its numbers are stored.
    public let elementType: ElementType
    /// Its dimensions; none for a scalar.
    public let shape: [Int]

    /// Declares a tensor.
    public init(name: String, elementType: ElementType, shape: [Int]) {
      self.name = name
      self.elementType = elementType
      self.shape = shape
    }
  }

  private var file: AtomicFile
  private let tensors: [Declaration]
  private let elementCounts: [Int]
  /// Where the file's checksum stands; nil where it has none.
  private let seal: Int?
  /// Where each tensor's bytes begin in the file.
  private let offsets: [Int]
  /// The tensor that is written in order, and how many numbers of each are written.
  private var current = 0
  private var written: [Int]
  /// Where the next bytes go.
  private var position: Int

  /// Starts a file with the given tensors, whose bytes will lie in the given order.
  ///
  /// Put the widest element type first, so that every tensor is aligned and can be viewed in place.
  ///
  /// - Parameters:
  ///   - url: The file; replaced where it exists.
  ///   - tensors: What will be written, in order.
  ///   - metadata: Text about the file, kept in its header.
  ///   - isSealed: Whether the metadata get the file's checksum, `crc32c`: that of its bytes with zeros in its place.
  /// - Throws: ``TensorFileError`` where two tensors have one name, a shape has no meaning, or the
  ///   file cannot be written.
  public init(
    at url: URL, tensors: [Declaration], metadata: OrderedDictionary<String, String> = [:],
    isSealed: Bool = false
  ) throws(TensorFileError) {
    var metadata = metadata
    if isSealed { metadata[SafetensorsFile.checksumKey] = SafetensorsFile.noChecksum }
    let text = try Self.header(of: tensors, metadata: metadata, path: url.path)
    var file = try AtomicFile(at: url)
    let length = [UInt64(text.count)]
    try file.write(length.span)
    try file.write(text)
    self.file = file
    self.tensors = tensors
    seal = isSealed ? SafetensorsFile.placeOfChecksum(SafetensorsFile.noChecksum, in: text) : nil
    elementCounts = tensors.map { $0.shape.reduce(1, *) }
    written = Array(repeating: 0, count: tensors.count)
    position = 8 + text.count
    var end = position
    offsets = zip(tensors, elementCounts).map { tensor, count in
      defer { end += count * tensor.elementType.byteCount }
      return end
    }
  }

  private static func header(
    of tensors: [Declaration], metadata: OrderedDictionary<String, String>, path: String
  ) throws(TensorFileError) -> [UInt8] {
    var header: OrderedDictionary<String, OrderedJSON> = [:]
    if !metadata.isEmpty {
      header[SafetensorsHeader.metadataKey] = .object(metadata.mapValues { .string($0) })
    }
    var end = 0
    for tensor in tensors {
      guard header[tensor.name] == nil, tensor.name != SafetensorsHeader.metadataKey else {
        throw .duplicateKey(path: path, offset: 0, key: tensor.name)
      }
      guard tensor.shape.allSatisfy({ $0 >= 0 }) else {
        throw .invalidShape(
          path: path, field: tensor.name, shape: tensor.shape, reason: "a negative dimension")
      }
      guard let typeName = tensor.elementType.safetensorsName else {
        throw .unsupportedElementType(
          path: path, field: "\(tensor.name).dtype", found: tensor.elementType.name,
          supported: ElementType.floatingPoint.compactMap(\.safetensorsName).joined(separator: ", ")
        )
      }
      let byteCount = tensor.elementType.byteCount
      let shape = try TensorShape(
        tensor.shape, bitCount: 8 * byteCount, path: path, field: tensor.name)
      let (next, isTooLarge) = end.addingReportingOverflow(shape.elementCount * byteCount)
      guard !isTooLarge else {
        throw .shapeOverflow(path: path, field: tensor.name, shape: tensor.shape)
      }
      header[tensor.name] = [
        "dtype": .string(typeName),
        "shape": .array(tensor.shape.map { .integer($0) }),
        "data_offsets": [.integer(end), .integer(next)],
      ]
      end = next
    }
    var text = Array(try OrderedJSON.object(header).serialized(path: path).utf8)
    text += Array(repeating: UInt8(ascii: " "), count: (8 - text.count % 8) % 8)
    guard text.count <= SafetensorsHeader.limit else {
      throw .headerTooLong(
        path: path, offset: 0, length: UInt64(text.count), limit: SafetensorsHeader.limit)
    }
    return text
  }

  /// Writes numbers that follow those written before, in row-major order, within one tensor.
  ///
  /// - Throws: ``TensorFileError/byteCountMismatch(path:field:expected:found:)`` where the current
  ///   tensor has no room for them, and the failures of writing.
  public mutating func append<Element: Scalar>(
    _ values: Span<Element>
  ) throws(TensorFileError) {
    skipFinished()
    guard !values.isEmpty else { return }
    guard current < tensors.count else {
      throw .byteCountMismatch(
        path: file.path, field: "end of file", expected: 0,
        found: values.count * MemoryLayout<Element>.stride)
    }
    try append(values, toTensor: current)
  }

  /// Writes numbers that follow those written before of one tensor, whatever was written of others.
  private mutating func append<Element: Scalar>(
    _ values: Span<Element>, toTensor index: Int
  ) throws(TensorFileError) {
    let room = elementCounts[index] - written[index]
    guard values.count <= room else {
      throw .byteCountMismatch(
        path: file.path, field: tensors[index].name,
        expected: room * MemoryLayout<Element>.stride,
        found: values.count * MemoryLayout<Element>.stride)
    }
    let type = tensors[index].elementType
    let place = offsets[index] + written[index] * type.byteCount
    if place != position { try file.seek(to: place) }
    try file.write(values, as: type)
    written[index] += values.count
    position = place + values.count * type.byteCount
  }

  /// Writes rows of one tensor that follow those written before, whatever was written of others.
  ///
  /// - Parameters:
  ///   - matrix: Some rows, flattened to `rows × rest`.
  ///   - index: Which of the declared tensors.
  /// - Throws: ``TensorFileError``; see ``append(_:)-(Span<Element>)``.
  package mutating func append<Element: Scalar>(
    _ matrix: Matrix<Element>, toTensor index: Int
  ) throws(TensorFileError) {
    try append(matrix.elements.span, toTensor: index)
  }

  /// Writes a matrix that follows what was written before, within one tensor.
  ///
  /// - Throws: ``TensorFileError``; see ``append(_:)-(Span<Element>)``.
  public mutating func append<Element: Scalar>(
    _ matrix: Matrix<Element>
  ) throws(TensorFileError) {
    try append(matrix.elements.span)
  }

  /// Gives the file its name, once every tensor is complete.
  ///
  /// - Throws: ``TensorFileError``; nothing is left behind then.
  public consuming func commit() throws(TensorFileError) { try finish().commit() }

  /// Hands over the file, once every tensor is complete, to be committed along with others.
  package consuming func finish() throws(TensorFileError) -> AtomicFile {
    skipFinished()
    guard current == tensors.count else {
      let size = tensors[current].elementType.byteCount
      throw .byteCountMismatch(
        path: file.path, field: tensors[current].name, expected: elementCounts[current] * size,
        found: written[current] * size)
    }
    if let seal {
      let map = try MemoryMap(opening: URL(filePath: file.temporaryPath))
      try file.replace(at: seal, with: Array(Checksum(of: map).description.utf8))
    }
    return file
  }

  private mutating func skipFinished() {
    while current < tensors.count, written[current] == elementCounts[current] { current += 1 }
  }
}

extension SafetensorsFile {
  /// Writes matrices as two-dimensional tensors, in the given order, whole or not at all.
  ///
  /// - Parameters:
  ///   - matrices: The numbers by tensor name.
  ///   - url: The file; replaced where it exists.
  ///   - elementType: How to store each number; as it is in memory unless given.
  ///   - metadata: Text about the file, kept in its header.
  ///   - isSealed: Whether the metadata get the file's checksum, `crc32c`.
  /// - Throws: ``TensorFileError`` where the file cannot be written.
  public static func write<Element: Scalar>(
    _ matrices: OrderedDictionary<String, Matrix<Element>>, to url: URL,
    as elementType: ElementType? = nil, metadata: OrderedDictionary<String, String> = [:],
    isSealed: Bool = false
  ) throws(TensorFileError) {
    let elementType = elementType ?? .native(of: Element.self)
    let declarations = matrices.map { name, matrix in
      SafetensorsWriter.Declaration(
        name: name, elementType: elementType, shape: [matrix.rows, matrix.columns])
    }
    var writer = try SafetensorsWriter(
      at: url, tensors: declarations, metadata: metadata, isSealed: isSealed)
    for matrix in matrices.values { try writer.append(matrix) }
    try writer.commit()
  }
}
