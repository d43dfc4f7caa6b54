import Testing

import Reporting

@Suite("Numbers as text")
struct NumberFormatTests {
  @Test(
    "Significant digits, also where rounding adds one in front",
    arguments: [
      (0.5, "0.500"), (1, "1.00"), (9.994, "9.99"), (9.996, "10.0"), (99.96, "100"),
      (734.4, "734"), (123_456.7, "123457"), (999_999.9, "1.00e+06"), (1e6, "1.00e+06"),
      (0.000_123_4, "0.000123"), (0.000_099_99, "0.000100"), (0.000_012_34, "1.23e-05"),
      (-2.5, "-2.50"), (1e-300, "1.00e-300"), (0, "0"), (-0.0, "0"),
      (.infinity, "inf"), (-.infinity, "-inf"), (.nan, "NaN"),
    ] as [(Double, String)])
  func significant(value: Double, text: String) {
    #expect(NumberFormat.significant(value) == text)
  }

  @Test("One digit has no point")
  func oneDigit() {
    #expect(NumberFormat.significant(0.96, digits: 1) == "1")
    #expect(NumberFormat.significant(0.04, digits: 1) == "0.04")
    #expect(NumberFormat.significant(2e-7, digits: 1) == "2e-07")
    #expect(NumberFormat.significant(nil) == "–")
  }

  @Test("Decimals, without a negative zero")
  func decimals() {
    #expect(NumberFormat.decimals(0.5) == "0.500")
    #expect(NumberFormat.decimals(-0.0004) == "0.000")
    #expect(NumberFormat.decimals(-0.4, 0) == "0")
    #expect(NumberFormat.decimals(-1.005, 2) == "-1.00")
    #expect(NumberFormat.decimals(12_345.678, 1) == "12345.7")
    #expect(NumberFormat.decimals(.nan) == "NaN")
    #expect(NumberFormat.decimals(nil) == "–")
  }

  @Test(
    "Times in the unit that suits them, at the edges of each",
    arguments: [
      (0, "0 s"), (8.5e-7, "850 ns"), (9.9949e-7, "999 ns"), (9.996e-7, "1.0 µs"),
      (0.000_87, "870 µs"), (0.0034, "3.4 ms"), (0.012, "12 ms"), (0.999_4, "999 ms"),
      (0.999_6, "1.0 s"), (3.4, "3.4 s"), (9.94, "9.9 s"), (9.96, "10 s"), (59.4, "59 s"),
      (59.6, "1 min"), (60, "1 min"), (125, "2 min 5 s"), (3599.4, "59 min 59 s"),
      (3599.6, "1 h"), (5400, "1 h 30 min"), (86_400 * 3, "72 h"), (-0.012, "-12 ms"),
      (.infinity, "inf"), (1e300, "1.00e+300 s"),
    ] as [(Double, String)])
  func seconds(value: Double, text: String) {
    #expect(NumberFormat.seconds(value) == text)
  }

  @Test(
    "Sizes in decimal units",
    arguments: [
      (0, "0 B"), (812, "812 B"), (999, "999 B"), (1000, "1.0 kB"), (1234, "1.2 kB"),
      (34_000_000, "34 MB"), (999_499, "999 kB"), (999_600, "1.0 MB"),
      (1_234_567_890, "1.2 GB"), (.max, "9.2 EB"), (-1500, "-1.5 kB"), (.min, "-9.2 EB"),
    ] as [(Int, String)])
  func bytes(value: Int, text: String) {
    #expect(NumberFormat.bytes(value) == text)
  }

  @Test("What is missing is a dash")
  func missing() {
    #expect(NumberFormat.seconds(nil) == "–")
    #expect(NumberFormat.bytes(nil) == "–")
  }
}
