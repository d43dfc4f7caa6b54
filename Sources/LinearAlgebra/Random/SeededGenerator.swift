internal import RealModule

/// A small, fast generator of random bits that gives the same sequence for the same seed, on every
/// machine and in every version.
///
/// xoshiro256++ (Blackman and Vigna, "Scrambled linear pseudorandom number generators", 2019), seeded
/// through SplitMix64 so that near seeds give unrelated sequences.
public struct SeededGenerator: RandomNumberGenerator, Sendable {
  private var state: (UInt64, UInt64, UInt64, UInt64)

  /// Makes a generator.
  ///
  /// - Parameters:
  ///   - seed: Any number.
  ///   - stream: Tells apart independent sequences of one seed; each purpose has its own.
  public init(seed: UInt64, stream: UInt64 = 0) {
    var mix = SplitMix64(state: seed)
    var streamMix = SplitMix64(state: stream ^ 0x6A09_E667_F3BC_C909)
    state = (
      mix.next() ^ streamMix.next(), mix.next() ^ streamMix.next(), mix.next() ^ streamMix.next(),
      mix.next() ^ streamMix.next()
    )
    if state == (0, 0, 0, 0) { state.0 = 1 }
  }

  /// The next 64 random bits.
  public mutating func next() -> UInt64 {
    let sum = state.0 &+ state.3
    let result = (sum << 23 | sum >> 41) &+ state.0
    let shifted = state.1 << 17
    state.2 ^= state.0
    state.3 ^= state.1
    state.1 ^= state.2
    state.0 ^= state.3
    state.2 ^= shifted
    state.3 = state.3 << 45 | state.3 >> 19
    return result
  }

  /// A number uniform in [0, 1), on a grid of 2⁻⁵³.
  public mutating func uniform() -> Double { Double(next() >> 11) * 0x1p-53 }

  /// A number from the standard normal distribution.
  ///
  /// Marsaglia's polar method; the second number of each pair is dropped, so that the sequence
  /// depends on nothing but the generator's state.
  public mutating func normal() -> Double {
    while true {
      let x = 2 * uniform() - 1
      let y = 2 * uniform() - 1
      let squared = x * x + y * y
      if squared > 0, squared < 1 {
        return x * (-2 * Double.log(squared) / squared).squareRoot()
      }
    }
  }

  /// −1 or 1 with equal chance.
  public mutating func rademacher() -> Double { next() >> 63 == 0 ? 1 : -1 }

  /// An integer uniform in 0 ..< `bound`, without bias.
  public mutating func index(below bound: Int) -> Int {
    precondition(bound > 0, "no integer lies in 0 ..< \(bound)")
    return Int(next(upperBound: UInt64(bound)))
  }

  /// The numbers 0 ..< `count` in a random order, each order equally likely (Fisher and Yates).
  public mutating func permutation(_ count: Int) -> [Int] {
    var order = Array(0..<count)
    for last in stride(from: count - 1, to: 0, by: -1) {
      order.swapAt(last, index(below: last + 1))
    }
    return order
  }
}

/// The mixer that spreads a seed over the generator's state (Steele, Lea and Flood, 2014).
private struct SplitMix64 {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}

extension Matrix {
  /// A matrix of independent normal numbers with mean 0 and the given standard deviation.
  public static func normal(
    _ rows: Int, _ columns: Int, deviation: Double = 1, using generator: inout SeededGenerator
  ) -> Matrix {
    var elements: [Element] = []
    elements.reserveCapacity(rows * columns)
    for _ in 0..<rows * columns { elements.append(Element(deviation * generator.normal())) }
    return Matrix(rows: rows, columns: columns, elements: elements)
  }

  /// A matrix of independent numbers uniform in the given range.
  public static func uniform(
    _ rows: Int, _ columns: Int, in range: Range<Double> = 0..<1,
    using generator: inout SeededGenerator
  ) -> Matrix {
    let width = range.upperBound - range.lowerBound
    let elements = (0..<rows * columns).map { _ in
      Element(range.lowerBound + width * generator.uniform())
    }
    return Matrix(rows: rows, columns: columns, elements: elements)
  }
}
