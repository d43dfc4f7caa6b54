import LinearAlgebra
import OrderedCollections
import TensorFiles

/// A tensor of a checkpoint where it lies in its file, read as Hugging Face has it.
struct StoredTensor: Sendable {
  /// The file and the tensor's name in it.
  enum Place: Sendable {
    case safetensors(SafetensorsFile, String)
    case gguf(GGUFFile, String)
  }

  /// How the stored rows differ from Hugging Face's.
  enum Arrangement: Sendable {
    /// They do not.
    case same
    /// In each head of the given number of rows, an even one, the two halves are interleaved.
    case interleavedHalves(headSize: Int)
    /// The stored matrix is the transpose.
    case transposed
  }

  let place: Place
  var arrangement = Arrangement.same

  /// The types of numbers that safetensors files may have here.
  private static let elementTypes: [ElementType] = [.float32, .float16, .bfloat16]

  /// The file.
  var map: MemoryMap {
    switch place {
    case .safetensors(let file, _): file.map
    case .gguf(let file, _): file.map
    }
  }

  /// The name in the file.
  var storedName: String {
    switch place {
    case .safetensors(_, let name), .gguf(_, let name): name
    }
  }

  /// The dimensions, as Hugging Face has them.
  var shape: [Int] {
    switch arrangement {
    case .same, .interleavedHalves: storedShape
    case .transposed: storedShape.reversed()
    }
  }

  private var storedShape: [Int] {
    switch place {
    case .safetensors(let file, let name): file.tensors[name]?.shape ?? []
    case .gguf(let file, let name): file.tensors[name]?.shape ?? []
    }
  }

  /// Refuses a tensor whose numbers are in a type that is not read.
  ///
  /// - Parameter name: What the tensor is called in the error.
  func requireReadable(named name: String) throws {
    switch place {
    case .safetensors(let file, let stored):
      guard let entry = file.tensors[stored],
        !Self.elementTypes.contains(where: { $0 == entry.elementType })
      else { return }
      throw TransformerError.unsupportedType(
        path: file.map.path, tensor: name, found: entry.elementTypeName,
        supported: Self.elementTypes.compactMap(\.safetensorsName).joined(separator: ", "))
    case .gguf(let file, let stored):
      guard let entry = file.tensors[stored], entry.type.reading == nil else { return }
      throw TransformerError.unsupportedType(
        path: file.map.path, tensor: name, found: entry.type.name,
        supported: GGUFTensorType.supported)
    }
  }

  /// Some rows as numbers.
  ///
  /// - Parameter range: Rows of the tensor as Hugging Face has it, a matrix of `shape[0]` rows.
  func rows(_ range: Range<Int>) throws -> Matrix<Float> {
    switch arrangement {
    case .same: try storedRows(range)
    case .interleavedHalves(let headSize): try separatedRows(range, headSize: headSize)
    case .transposed: try transposedRows(range)
    }
  }

  private func storedRows(_ range: Range<Int>) throws -> Matrix<Float> {
    switch place {
    case .safetensors(let file, let name): try file.mapped(name)[rows: range].matrix()
    case .gguf(let file, let name): try file.matrix(name, rows: range)
    }
  }

  /// Row j of a head's first half is stored as row 2j of the head, row j of its second half as row 2j + 1.
  private func separatedRows(_ range: Range<Int>, headSize: Int) throws -> Matrix<Float> {
    let first = range.lowerBound / headSize * headSize
    let end = (range.upperBound + headSize - 1) / headSize * headSize
    let stored = try storedRows(first..<end)
    var rows = Matrix<Float>.zeros(range.count, stored.columns)
    guard stored.columns > 0 else { return rows }
    for row in range {
      let (head, place) = (row / headSize, row % headSize)
      let (half, pair) = place.quotientAndRemainder(dividingBy: headSize / 2)
      let source = head * headSize + 2 * pair + half - first
      rows.place(
        stored.view[rows: source..<source + 1, columns: 0..<stored.columns],
        firstRow: row - range.lowerBound, firstColumn: 0)
    }
    return rows
  }

  /// The stored columns, read by strips of some million numbers.
  private func transposedRows(_ range: Range<Int>) throws -> Matrix<Float> {
    let columns = storedShape.first ?? 1
    var rows = Matrix<Float>.zeros(range.count, columns)
    let strip = max(1, (1 << 20) / max(shape.first ?? 1, 1))
    for first in stride(from: 0, to: columns, by: strip) {
      let stored = try storedRows(first..<min(first + strip, columns))
      let part = Matrix<Float>(stored.view[rows: 0..<stored.rows, columns: range].transposed)
      rows.place(part.view, firstRow: 0, firstColumn: first)
    }
    return rows
  }
}
