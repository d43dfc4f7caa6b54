/// One tensor that a GGUF file holds: what its header says, checked.
package struct GGUFTensor: Sendable, Hashable {
  /// The tensor's name.
  package let name: String
  /// How its numbers are stored.
  package let type: GGUFTensorType
  /// The dimensions, slowest first, as numpy and safetensors have them.
  package let shape: [Int]
  /// The tensor's bytes, counted from the start of the file.
  package let byteRange: Range<Int>
}
