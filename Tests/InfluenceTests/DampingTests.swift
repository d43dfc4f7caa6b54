import InfluenceKit
import TestSupport
import Testing

@Suite("Damping")
struct DampingTests {
  @Test(
    "What is written is read back",
    arguments: [
      Damping.standard, .relative(1), .relative(1e-12), .relative(0.1 + 0.2), .absolute(1e-3),
      .absolute(123_456.789), .absolute(.leastNonzeroMagnitude),
    ])
  func roundTrip(damping: Damping) {
    #expect(Damping(damping.description) == damping)
  }

  @Test(
    "Texts",
    arguments: [
      ("0.1", Damping.relative(0.1)), ("relative:0.2", .relative(0.2)), ("1e-3", .relative(1e-3)),
      ("absolute:1e-3", .absolute(1e-3)), ("absolute:0", .absolute(0)), ("-1", .relative(-1)),
    ])
  func texts(text: String, damping: Damping) {
    #expect(Damping(text) == damping)
  }

  @Test(
    "Other texts are not dampings",
    arguments: [
      "", ":", "x", "absolute", "absolute:", "absolute:x", "Absolute:1", "0.1:2", "relative:",
      "absolute:1:2", "0.1 ", "share:1",
    ])
  func others(text: String) {
    #expect(Damping(text) == nil)
  }

  @Test("The relative rule is a share of the mean eigenvalue")
  func rule() throws {
    #expect(try Damping.standard.lambda(trace: 40, width: 8) == 0.1 * 40 / 8)
    #expect(try Damping.relative(2).lambda(trace: 40, width: 8) == 10)
    #expect(try Damping.absolute(3).lambda(trace: 40, width: 8) == 3)
  }

  @Test(
    "A λ that underflows or overflows is refused",
    arguments: [
      (Damping.relative(1e-10), 0x1p-1060), (.relative(1e300), 1e300),
    ])
  func range(damping: Damping, trace: Double) throws {
    try damping.validate()
    #expect(throws: InfluenceError.self) { _ = try damping.lambda(trace: trace, width: 8) }
  }

  @Test("An absolute damping is the same for every block", arguments: Setup.all)
  func absolute(setup: Setup) throws {
    var problem = Problem.standard
    problem.damping = .absolute(0.25)
    let curvature = try setup.curvature(of: problem, [ExactFisher()])
    #expect(curvature.contexts.allSatisfy { $0.damping == 0.25 })
    let (expected, tolerance) = try problem.expectedScores(.exact, setup.precision)
    expectClose(
      try setup.scores(of: problem, ExactFisher()), expected, bound: .absolute(tolerance))
  }
}
