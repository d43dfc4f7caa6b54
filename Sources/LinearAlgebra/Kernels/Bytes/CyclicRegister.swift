internal import CKernels

/// The register of a CRC-32C, not inverted: by the processor's own instruction, where it has one.
package enum CyclicRegister {
  /// Whether the processor has the instruction.
  package static let isFast = influence_has_crc32c()

  /// The register after more bytes.
  ///
  /// Only where ``isFast``.
  ///
  /// - Complexity: O(n), at about the rate of memory.
  package static func value(of bytes: Span<UInt8>, after state: UInt32) -> UInt32 {
    precondition(isFast, "the processor has no instruction for it")
    return unsafe bytes.withUnsafeBufferPointer { buffer in
      guard let base = buffer.baseAddress else { return state }
      return unsafe influence_crc32c(state, base, buffer.count)
    }
  }

  /// The register of A followed by B.
  ///
  /// - Parameters:
  ///   - first: The register of A.
  ///   - second: The register of B, begun with 0.
  ///   - count: The bytes of B.
  /// - Complexity: O(log count).
  package static func joined(_ first: UInt32, _ second: UInt32, count: Int) -> UInt32 {
    influence_crc32c_after_zeros(first, UInt64(count)) ^ second
  }
}
