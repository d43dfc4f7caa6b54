/// The places of values among all, 1 for the largest; equal values share the first of their places.
struct PlacesOfValues {
  private let ascending: [Double]

  /// - Complexity: O(n log n).
  init(of values: [Double]) { ascending = values.sorted() }

  /// 1 + #{j : xⱼ > x}.
  func place(of value: Double) -> Int {
    var (low, high) = (0, ascending.count)
    while low < high {
      let middle = (low + high) / 2
      if ascending[middle] > value { high = middle } else { low = middle + 1 }
    }
    return ascending.count - low + 1
  }
}
