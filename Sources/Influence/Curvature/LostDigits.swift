import LinearAlgebra

/// Scores that the float32 of files cannot hold: nonzero in double precision, and zero or short of digits there.
enum LostDigits {
  /// What to say of them; nil where none is lost that matters beside the largest of its row.
  ///
  /// A score below 2⁻²⁴ of its row's largest is as much rounding as score in single precision, and does not
  /// count.
  ///
  /// - Parameters:
  ///   - values: One row per query.
  ///   - noun: What the numbers are called.
  static func warning(of values: Matrix<Double>, noun: String = "scores") -> String? {
    var (zeros, short) = (0, 0)
    let limit = Double(Float.leastNormalMagnitude)
    for row in 0..<values.rows {
      let largest = values[row: row].reduce(0) { max($0, abs($1)) }
      // Most rows are far from the limit.
      guard largest > 0, largest < 0x1p24 * limit else { continue }
      for value in values[row: row] where value != 0 && abs(value) < limit {
        guard abs(value) > 0x1p-24 * largest else { continue }
        if Float(value) == 0 { zeros += 1 } else { short += 1 }
      }
    }
    return warning(zeros: zeros, short: short, of: values.elements.count, noun: noun)
  }

  /// Counts them in a row whose values come some at a time.
  struct Tally {
    /// The largest magnitude so far.
    private(set) var largest = 0.0
    private var count = 0
    /// How many become zero and how many lose digits, by their exponents.
    private var small: [Int: (zeros: Int, short: Int)] = [:]

    /// Adds some values.
    mutating func add(_ values: [Double]) {
      count += values.count
      for value in values {
        largest = max(largest, abs(value))
        guard value != 0, abs(value) < Double(Float.leastNormalMagnitude) else { continue }
        if Float(value) == 0 {
          small[value.exponent, default: (0, 0)].zeros += 1
        } else {
          small[value.exponent, default: (0, 0)].short += 1
        }
      }
    }

    /// What to say of the row; what counts beside its largest value is told to within a factor of two.
    func warning(noun: String = "scores") -> String? {
      guard largest > 0, largest < 0x1p24 * Double(Float.leastNormalMagnitude) else { return nil }
      let counted = small.filter { $0.key >= largest.exponent - 24 }.values
      return LostDigits.warning(
        zeros: counted.reduce(0) { $0 + $1.zeros }, short: counted.reduce(0) { $0 + $1.short },
        of: count, noun: noun)
    }
  }

  private static func warning(zeros: Int, short: Int, of count: Int, noun: String) -> String? {
    guard zeros + short > 0 else { return nil }
    return
      "\(zeros + short) of \(count) \(noun) are below \(Float.leastNormalMagnitude), too small for the float32 of files: \(zeros) become zero and \(short) lose digits; scale the losses"
  }
}
