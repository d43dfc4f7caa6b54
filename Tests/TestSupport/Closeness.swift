public import LinearAlgebra
public import Testing

/// Expects a number to be within a bound of another.
///
/// NaN is close to nothing, not even to NaN.
public func expectClose<Found: BinaryFloatingPoint, Expected: BinaryFloatingPoint>(
  _ found: Found, _ expected: Expected, bound: Bound, _ comment: Comment? = nil,
  sourceLocation: SourceLocation = #_sourceLocation
) {
  compare([found], [expected], bound, comment, sourceLocation) { _ in "the number" }
}

/// Expects each element of a vector to be within a bound of another's.
public func expectClose<Found: BinaryFloatingPoint, Expected: BinaryFloatingPoint>(
  _ found: [Found], _ expected: [Expected], bound: Bound, _ comment: Comment? = nil,
  sourceLocation: SourceLocation = #_sourceLocation
) {
  guard found.count == expected.count else {
    report(
      "found \(found.count) elements where \(expected.count) are expected", comment, sourceLocation)
    return
  }
  compare(found, expected, bound, comment, sourceLocation) { "element \($0)" }
}

/// Expects each element of a matrix to be within a bound of another's.
public func expectClose<Found, Expected>(
  _ found: Matrix<Found>, _ expected: Matrix<Expected>, bound: Bound, _ comment: Comment? = nil,
  sourceLocation: SourceLocation = #_sourceLocation
) {
  guard found.rows == expected.rows, found.columns == expected.columns else {
    report(
      "found \(found.rows) × \(found.columns) where \(expected.rows) × \(expected.columns) is expected",
      comment, sourceLocation)
    return
  }
  compare(found.elements, expected.elements, bound, comment, sourceLocation) {
    "element (\($0 / found.columns), \($0 % found.columns)) of \(found.rows) × \(found.columns)"
  }
}

/// Compares two lists of the same length, and reports the worst element if it is out of bound.
@specialized(where Found == Float, Expected == Float)
@specialized(where Found == Float, Expected == Double)
@specialized(where Found == Double, Expected == Float)
@specialized(where Found == Double, Expected == Double)
private func compare<Found: BinaryFloatingPoint, Expected: BinaryFloatingPoint>(
  _ found: [Found], _ expected: [Expected], _ bound: Bound, _ comment: Comment?,
  _ sourceLocation: SourceLocation, place: (Int) -> String
) {
  var largest = 0.0
  for value in expected where value.isFinite { largest = max(largest, Double(value).magnitude) }
  let tolerance = bound.tolerance(for: Found.self, largestExpected: largest)
  var worst = -1
  var worstDistance = -1.0
  var failures = 0
  for index in found.indices {
    let a = Double(found[index])
    let b = Double(expected[index])
    // Equal infinities are close; their difference is NaN.
    let distance = a == b ? 0 : (a - b).magnitude
    if distance <= tolerance { continue }
    failures += 1
    let rank = distance.isNaN ? Double.infinity : distance
    if rank > worstDistance { (worst, worstDistance) = (index, rank) }
  }
  guard failures > 0 else { return }
  report(
    """
    \(place(worst)) is \(found[worst]) where \(expected[worst]) is expected: \(worstDistance) apart, \
    \(worstDistance / tolerance) times the tolerance \(tolerance) (\(bound)); \(failures) of \
    \(found.count) elements fail
    """, comment, sourceLocation)
}

private func report(_ message: String, _ comment: Comment?, _ sourceLocation: SourceLocation) {
  let prefix = comment.map { "\($0.rawValue): " } ?? ""
  Issue.record(Comment(rawValue: prefix + message), sourceLocation: sourceLocation)
}
