internal import LinearAlgebra

extension TabularDataSet {
  /// A hash of features, labels and class count as 32 hexadecimal digits: the same content has the same on
  /// every machine and in every run.
  ///
  /// It names cached results of a data set; it finds differences, not forgery. Shapes count, ids do not, and
  /// features of single precision have the hash of the same numbers in double precision.
  ///
  /// - Complexity: one pass over the features, at about 1 GB/s.
  public var fingerprint: String {
    var hash = ContentHash()
    hash.add(self)
    return hash.hexadecimal
  }
}

extension GroupedDataSet {
  /// A hash of features, labels, class count and groups; see ``TabularDataSet/fingerprint``.
  public var fingerprint: String {
    var hash = ContentHash()
    hash.add(data)
    hash.add(groups)
    return hash.hexadecimal
  }
}

/// Two lanes of 64 bits that each mix in one word after the other; the finaliser of SplitMix64 (Steele, Lea
/// and Flood, 2014) is a bijection, so two inputs of which one word differs never have the same hash.
struct ContentHash {
  private var first: UInt64 = 0x243F_6A88_85A3_08D3
  private var second: UInt64 = 0x1319_8A2E_0370_7344

  mutating func add(_ word: UInt64) {
    first = Self.mixed(first ^ word)
    second = Self.mixed((second &+ word) &* 0x9E37_79B9_7F4A_7C15)
  }

  mutating func add(_ numbers: [Int]) {
    add(UInt64(numbers.count))
    for number in numbers { add(UInt64(bitPattern: Int64(number))) }
  }

  mutating func add<Element: Scalar>(_ data: TabularDataSet<Element>) {
    add([data.features.rows, data.features.columns, data.classCount])
    add(matrix: data.features)
    add(data.labels)
  }

  @specialized(where Element == Float)
  @specialized(where Element == Double)
  private mutating func add<Element: Scalar>(matrix: Matrix<Element>) {
    for element in matrix.elements { add(Double(element).bitPattern) }
  }

  var hexadecimal: String {
    [first, second].map { lane in
      let digits = String(lane, radix: 16)
      return String(repeating: "0", count: 16 - digits.count) + digits
    }.joined()
  }

  private static func mixed(_ value: UInt64) -> UInt64 {
    var z = value
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}
