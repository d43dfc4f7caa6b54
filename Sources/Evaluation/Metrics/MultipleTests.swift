/// Many tests at once, of which some would be passed by chance.
public enum MultipleTests {
  /// The chances of all tests after Holm's correction: comparing each with 0.05 keeps the chance that any test of a
  /// difference that is not there is passed below 0.05, however the tests depend on each other.
  ///
  ///     p̃₍ᵢ₎ = max over j ≤ i of min(1, (m − j + 1)·p₍ⱼ₎)
  ///
  /// Holm, "A Simple Sequentially Rejective Multiple Test Procedure" (1979).
  ///
  /// - Parameter chances: m chances, from 0 to 1.
  /// - Returns: m corrected chances in the same order, each at least as large.
  /// - Complexity: O(m log m).
  public static func holm(_ chances: [Double]) -> [Double] {
    var corrected = chances
    var largest = 0.0
    for (place, index) in chances.indices.sorted(by: { chances[$0] < chances[$1] }).enumerated() {
      largest = max(largest, min(1, Double(chances.count - place) * chances[index]))
      corrected[index] = largest
    }
    return corrected
  }
}
