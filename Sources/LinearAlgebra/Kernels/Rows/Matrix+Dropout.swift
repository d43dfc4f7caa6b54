/// Which numbers of a matrix are dropped: decided anew from the stream wherever it is asked, so that nothing is kept.
package struct DropoutMask: Sendable {
  /// The share that is dropped, from 0 up to below 1.
  package let rate: Double
  private let generator: CounterGenerator

  /// Names a mask.
  ///
  /// - Parameters:
  ///   - rate: The share that is dropped, from 0 up to below 1.
  ///   - seed: The seed of all masks.
  ///   - stream: Tells this mask from others of the seed.
  package init(rate: Double, seed: UInt64, stream: UInt64) {
    precondition(rate >= 0 && rate < 1, "a dropout rate is from 0 up to below 1")
    self.rate = rate
    generator = CounterGenerator(seed: seed, stream: stream)
  }

  /// Calls `body` with 0 for each dropped number and 1/(1 − rate) for each kept one.
  @inline(__always)
  fileprivate func forEachFactor<Element: Scalar>(
    _ range: Range<Int>, _ body: (Int, Element) -> Void
  ) {
    let threshold = UInt32(min(Double(UInt32.max), rate * 4_294_967_296))
    let kept = Element(1 / (1 - rate))
    var place = range.lowerBound / 4
    while place * 4 < range.upperBound {
      let words = generator.words(at: UInt64(place))
      let first = place * 4
      if range.contains(first) { body(first, words.0 < threshold ? 0 : kept) }
      if range.contains(first + 1) { body(first + 1, words.1 < threshold ? 0 : kept) }
      if range.contains(first + 2) { body(first + 2, words.2 < threshold ? 0 : kept) }
      if range.contains(first + 3) { body(first + 3, words.3 < threshold ? 0 : kept) }
      place += 1
    }
  }
}

extension Matrix {
  /// Multiplies the first rows by a mask whose numbers begin at a place: 0 where a number is dropped, 1/(1 − rate) elsewhere.
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
      unsafe dropElements(UnsafeMutableBufferPointer(rebasing: x[0..<size]), mask, from: place)
    }
  }
}

@specialized(where Element == Float)
@specialized(where Element == Double)
@unsafe
private func dropElements<Element: Scalar>(
  _ x: UnsafeMutableBufferPointer<Element>, _ mask: DropoutMask, from place: Int
) {
  mask.forEachFactor(place..<place + x.count) { (index, factor: Element) in
    unsafe x[index - place] *= factor
  }
}
