/// The numbers that stand at given places of an ascending order, without the order: four passes, and no memory for
/// each number.
package enum OrderStatistics {
  /// Selects by the bits of the numbers, sixteen at a time.
  ///
  /// - Parameters:
  ///   - ranks: Places in ascending order, from 0; each below the number of values.
  ///   - forEach: Calls its argument with every value, none of which is NaN; it is called four times.
  /// - Returns: One value per rank.
  /// - Complexity: O(n · ranks), with half a megabyte per rank.
  package static func values(
    atRanks ranks: [Int], of forEach: ((Double) -> Void) -> Void
  ) -> [Double] {
    var found = ranks.map { (prefix: UInt64(0), rank: $0) }
    for shift in stride(from: 48, through: 0, by: -16) {
      let prefixes = Array(Set(found.map(\.prefix)))
      var counts = prefixes.map { _ in [Int](repeating: 0, count: 1 << 16) }
      forEach { value in
        let key = key(of: value)
        let prefix = shift == 48 ? 0 : key >> UInt64(shift + 16)
        if let place = prefixes.firstIndex(of: prefix) {
          counts[place][Int(key >> UInt64(shift) & 0xffff)] += 1
        }
      }
      found = found.map { prefix, rank in
        guard let place = prefixes.firstIndex(of: prefix) else {
          preconditionFailure("prefixes are those of the ranks")
        }
        var rank = rank
        let digit = counts[place].firstIndex { count in
          if rank < count { return true }
          rank -= count
          return false
        }
        guard let digit else { preconditionFailure("rank \(rank) is beyond the values") }
        return (prefix << 16 | UInt64(digit), rank)
      }
    }
    return found.map { value(of: $0.prefix) }
  }

  private static let sign = UInt64(1) << 63

  /// Bits that ascend with the value.
  private static func key(of value: Double) -> UInt64 {
    let bits = value.bitPattern
    return bits & sign == 0 ? bits | sign : ~bits
  }

  private static func value(of key: UInt64) -> Double {
    Double(bitPattern: key & sign == 0 ? ~key : key & ~sign)
  }
}
