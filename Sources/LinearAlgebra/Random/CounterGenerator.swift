/// Random bits by number: the n-th 128 bits of a stream are made without those before.
///
/// Philox4x32-10 (Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3", 2011):
/// the seed is the key, and place and stream are the counter. The same on every machine.
package struct CounterGenerator: Sendable {
  private let key: (UInt32, UInt32)
  private let stream: (UInt32, UInt32)

  /// Makes a generator; streams tell apart independent sequences of one seed.
  package init(seed: UInt64, stream: UInt64 = 0) {
    key = (UInt32(truncatingIfNeeded: seed), UInt32(truncatingIfNeeded: seed >> 32))
    self.stream = (UInt32(truncatingIfNeeded: stream), UInt32(truncatingIfNeeded: stream >> 32))
  }

  /// Four words of 32 random bits, in ten rounds.
  package func words(at place: UInt64) -> (UInt32, UInt32, UInt32, UInt32) {
    var (a, b) = (UInt32(truncatingIfNeeded: place), UInt32(truncatingIfNeeded: place >> 32))
    var (c, d) = stream
    var (first, second) = key
    for round in 0..<10 {
      if round > 0 {
        first &+= 0x9E37_79B9
        second &+= 0xBB67_AE85
      }
      let low = UInt64(a) &* 0xD251_1F53
      let high = UInt64(c) &* 0xCD9E_8D57
      (a, b, c, d) = (
        UInt32(truncatingIfNeeded: high >> 32) ^ b ^ first, UInt32(truncatingIfNeeded: high),
        UInt32(truncatingIfNeeded: low >> 32) ^ d ^ second, UInt32(truncatingIfNeeded: low)
      )
    }
    return (a, b, c, d)
  }
}
