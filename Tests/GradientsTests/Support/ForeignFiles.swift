import Foundation
import LinearAlgebra
import TensorFiles
import TestSupport

// Files as other tools write them, byte by byte.

extension TemporaryDirectory {
  /// A directory as bergson writes it: `info.json` and `gradients.bin`.
  @discardableResult
  func writeIndex(
    _ name: String, _ sample: Sample, as type: ElementType = .float32, firstRow: Int = 0
  ) throws -> URL {
    let sizes = sample.parameters.map { "\"\($0.name)\": \($0.width)" }.joined(separator: ", ")
    try write(
      """
      {"attribute_tokens": false, "num_items": \(sample.rows), "num_grads": \(sample.rows), \
      "grad_sizes": {\(sizes)}, "base_dtype": "\(type.name)"}
      """, to: "\(name)/info.json")
    let numbers = sample.matrix(
      rows: firstRow..<firstRow + sample.rows, columns: 0..<sample.width, as: Double.self)
    try write(Bytes.of(numbers, as: type), to: "\(name)/gradients.bin")
    return file(name)
  }

  /// A version 1.0 `.npy` file with the given header and bytes.
  @discardableResult
  func writeArray(
    _ name: String, descriptor: String, shape: [Int], isFortranOrder: Bool = false, _ data: [UInt8]
  ) throws -> URL {
    let dimensions = shape.map { "\($0)," }.joined(separator: " ")
    var header =
      "{'descr': '\(descriptor)', 'fortran_order': \(isFortranOrder ? "True" : "False"), "
      + "'shape': (\(dimensions)), }"
    header += String(repeating: " ", count: 63 - (10 + header.utf8.count) % 64) + "\n"
    let length = Bytes.littleEndian(UInt16(header.utf8.count))
    return try write([0x93] + Array("NUMPY".utf8) + [1, 0] + length + header.utf8 + data, to: name)
  }

  /// One block of a sample as a `.npy` file.
  @discardableResult
  func writeArray(
    _ name: String, _ sample: Sample, block: Int, as type: ElementType = .float32,
    isFortranOrder: Bool = false
  ) throws -> URL {
    var numbers = sample.matrix(
      rows: 0..<sample.rows, columns: sample.columns(block), as: Double.self)
    if isFortranOrder { numbers = Naive.transpose(numbers) }
    return try writeArray(
      name, descriptor: type.numpyDescriptor ?? "",
      shape: [sample.rows]
        + sample.parameters[block].shape,
      isFortranOrder: isFortranOrder, Bytes.of(numbers, as: type))
  }

  /// A `.safetensors` file; the header is padded with spaces to a multiple of `alignment`.
  @discardableResult
  func writeTensors(
    _ name: String, _ tensors: [(name: String, type: String, shape: [Int], data: [UInt8])],
    alignment: Int = 8, shift: Int = 0
  ) throws -> URL {
    var offset = 0
    let entries = tensors.map { tensor in
      defer { offset += tensor.data.count }
      return """
        "\(tensor.name)":{"dtype":"\(tensor.type)","shape":\(tensor.shape),\
        "data_offsets":[\(offset),\(offset + tensor.data.count)]}
        """
    }
    var header = "{" + entries.joined(separator: ",") + "}"
    header += String(repeating: " ", count: (alignment - header.utf8.count % alignment) + shift)
    let length = Bytes.littleEndian(UInt64(header.utf8.count))
    return try write(length + header.utf8 + tensors.flatMap(\.data), to: name)
  }

  /// All blocks of a sample as a `.safetensors` file.
  @discardableResult
  func writeTensors(
    _ name: String, _ sample: Sample, as type: ElementType = .float32, shift: Int = 0
  ) throws -> URL {
    try writeTensors(
      name,
      sample.parameters.indices.map { block in
        let numbers = sample.matrix(
          rows: 0..<sample.rows, columns: sample.columns(block), as: Double.self)
        return (
          sample.parameters[block].name, type.safetensorsName ?? type.name,
          [sample.rows] + sample.parameters[block].shape, Bytes.of(numbers, as: type)
        )
      }, shift: shift)
  }
}
