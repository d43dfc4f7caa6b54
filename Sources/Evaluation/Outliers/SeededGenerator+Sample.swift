package import LinearAlgebra

extension SeededGenerator {
  /// Different numbers from 0 ..< `bound`, where each set is equally likely: the first steps of Fisher and Yates.
  package mutating func sample(_ count: Int, of bound: Int) -> [Int] {
    var moved: [Int: Int] = [:]
    return (0..<count).map { place in
      let other = place + index(below: bound - place)
      let value = moved[other] ?? other
      moved[other] = moved[place] ?? place
      return value
    }
  }
}
