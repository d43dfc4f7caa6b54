/// How a GGUF file stores the numbers of a tensor: one by one, or in blocks that share factors.
///
/// Every type of the format is known by name and size, so that a file's layout can be checked whatever
/// it holds; ``reading`` says which of them can be read as numbers.
package struct GGUFTensorType: Sendable, Hashable {
  /// The format's name: `F32`, `Q4_1`.
  package let name: String
  /// How many numbers a block has; 1 for types that store numbers one by one.
  package let blockSize: Int
  /// The bytes of a block.
  package let blockByteCount: Int

  /// How the numbers are read.
  package enum Reading: Sendable, Hashable {
    /// As numbers one after the other.
    case numbers(ElementType)
    /// As blocks of small integers with factors.
    case blocks(QuantizedBlocks)
  }

  /// How the numbers are read; nil for a type that is not read here.
  package var reading: Reading? {
    switch name {
    case "F32": .numbers(.float32)
    case "F16": .numbers(.float16)
    case "BF16": .numbers(.bfloat16)
    case "Q8_0": .blocks(.eightBits)
    case "Q4_0": .blocks(.fourBits)
    case "Q4_1": .blocks(.fourBitsFromMinimum)
    default: nil
    }
  }

  /// The types that are read, for sentences.
  package static let supported = "F32, F16, BF16, Q8_0, Q4_0 and Q4_1"

  private init(_ name: String, _ blockSize: Int, _ blockByteCount: Int) {
    (self.name, self.blockSize, self.blockByteCount) = (name, blockSize, blockByteCount)
  }

  /// The type of a number in the file; nil where the format has none.
  package static func of(code: UInt32) -> GGUFTensorType? { all[code] }

  private static let all: [UInt32: GGUFTensorType] = [
    0: .init("F32", 1, 4), 1: .init("F16", 1, 2), 2: .init("Q4_0", 32, 18),
    3: .init("Q4_1", 32, 20), 6: .init("Q5_0", 32, 22), 7: .init("Q5_1", 32, 24),
    8: .init("Q8_0", 32, 34), 9: .init("Q8_1", 32, 40), 10: .init("Q2_K", 256, 84),
    11: .init("Q3_K", 256, 110), 12: .init("Q4_K", 256, 144), 13: .init("Q5_K", 256, 176),
    14: .init("Q6_K", 256, 210), 15: .init("Q8_K", 256, 292), 16: .init("IQ2_XXS", 256, 66),
    17: .init("IQ2_XS", 256, 74), 18: .init("IQ3_XXS", 256, 98), 19: .init("IQ1_S", 256, 50),
    20: .init("IQ4_NL", 32, 18), 21: .init("IQ3_S", 256, 110), 22: .init("IQ2_S", 256, 82),
    23: .init("IQ4_XS", 256, 136), 24: .init("I8", 1, 1), 25: .init("I16", 1, 2),
    26: .init("I32", 1, 4), 27: .init("I64", 1, 8), 28: .init("F64", 1, 8),
    29: .init("IQ1_M", 256, 56), 30: .init("BF16", 1, 2), 34: .init("TQ1_0", 256, 54),
    35: .init("TQ2_0", 256, 66), 39: .init("MXFP4", 32, 17), 40: .init("NVFP4", 64, 36),
    41: .init("Q1_0", 128, 18),
  ]
}
