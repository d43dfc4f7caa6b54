/// Which numbers of a matrix are dropped: decided anew from the stream wherever it is asked, so that nothing is kept.
package struct DropoutMask: Sendable {
  /// The share that is dropped, from 0 up to below 1.
  package let rate: Double
  fileprivate let seed: UInt64
  fileprivate let stream: UInt64

  /// Names a mask.
  ///
  /// - Parameters:
  ///   - rate: The share that is dropped, from 0 up to below 1.
  ///   - seed: The seed of all masks.
  ///   - stream: Tells this mask from others of the seed.
  package init(rate: Double, seed: UInt64, stream: UInt64) {
    precondition(rate >= 0 && rate < 1, "a dropout rate is from 0 up to below 1")
    self.rate = rate
    self.seed = seed
    self.stream = stream
  }

  /// Words of 32 random bits below this one drop their number.
  fileprivate var threshold: UInt32 { UInt32(min(Double(UInt32.max), rate * 4_294_967_296)) }

  /// Whether a number is dropped; the definition that the kernels follow.
  ///
  /// Numbers are drawn 64 at a time: number 16 · j + i of block b has word j of ``CounterGenerator`` at 16 · b + i.
  package func drops(_ number: Int) -> Bool {
    let (block, inside) = number.quotientAndRemainder(dividingBy: 64)
    let words = CounterGenerator(seed: seed, stream: stream)
      .words(at: UInt64(16 * block + inside % 16))
    return [words.0, words.1, words.2, words.3][inside / 16] < threshold
  }
}

extension Matrix {
  /// Multiplies the first rows by a mask whose numbers begin at a place: 0 where a number is dropped, 1/(1 − rate)
  /// elsewhere.
  ///
  /// - Parameters:
  ///   - mask: The mask.
  ///   - place: The number of the mask that the first element meets.
  ///   - count: How many rows; all unless given.
  package mutating func drop(_ mask: DropoutMask, from place: Int, rows count: Int? = nil) {
    guard mask.rate > 0 else { return }
    let size = (count ?? rows) * columns
    precondition(size <= elements.count && place >= 0)
    unsafe elements.withUnsafeMutableBufferPointer { x in
      unsafe Element.kernels.rows.drop(
        x.baseAddress, size, UInt64(place), mask.seed, mask.stream, mask.threshold,
        Element(1 / (1 - mask.rate)))
    }
  }
}
