import InfluenceKit
import TestSupport
import Testing

@Suite("Damping grids")
struct DampingGridTests {
  @Test("Values are evenly spaced in their logarithm, and both ends are met")
  func values() throws {
    let grid = try DampingGrid(parsing: "1e-3:1:13")
    #expect(grid.values.count == 13)
    #expect(grid.values.first == 1e-3)
    #expect(grid.values.last == 1)
    for (lower, upper) in zip(grid.values, grid.values.dropFirst()) {
      // A thousandfold in twelve steps: the fourth power of each ratio is ten.
      let ratio = upper / lower
      expectClose(ratio * ratio * ratio * ratio, 10, bound: .backward(order: 13))
    }
  }

  @Test("The default stands on the grid where rounding alone keeps it off")
  func meeting() throws {
    let grid = try DampingGrid(parsing: "1e-3:1:13")
    #expect(grid.dampings(meeting: .standard)[8] == .standard)
    #expect(!grid.dampings(meeting: .relative(0.11)).contains(.relative(0.11)))
    #expect(!grid.dampings(meeting: .absolute(0.1)).contains(.absolute(0.1)))
  }

  @Test("Texts", arguments: ["1e-3:1:13", "relative:0.1:1:2", "absolute:1e-9:1e300:1000"])
  func texts(text: String) throws {
    let grid = try DampingGrid(parsing: text)
    #expect(try DampingGrid(parsing: grid.description) == grid)
    #expect(grid.isAbsolute == text.hasPrefix("absolute"))
  }

  @Test(
    "Bad grids",
    arguments: [
      ("", "parts"), ("0.1", "parts"), ("1e-3:1", "parts"), ("1e-3:1:13:2", "parts"),
      ("x:1:13", "low end 'x'"), ("1e-3:y:13", "high end 'y'"), ("1e-3:1:2.5", "count '2.5'"),
      ("0:1:13", "low end 0.0"), ("-1:1:13", "low end -1.0"), ("nan:1:13", "low end nan"),
      ("1:1:13", "above 1.0"), ("1:0.1:13", "above 1.0"), ("1e-3:inf:13", "high end inf"),
      ("1e-3:1:1", "count of 1"), ("1e-3:1:1001", "count of 1001"),
      ("1:1.0000000000000002:13", "too close"), ("share:1e-3:1:13", "parts"),
    ])
  func bad(text: String, piece: String) {
    let error = #expect(throws: InfluenceError.self) { _ = try DampingGrid(parsing: text) }
    guard case .invalidDampingGrid? = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(error?.description.contains(piece) == true, "\(String(describing: error))")
    #expect(error?.description.contains("1e-3:1:13") == true)
  }
}
