import LinearAlgebra
import RealModule
import Testing

/// Against loops over single numbers in double precision; sizes around those of registers.
///
/// The instructions are those that `INFLUENCE_INSTRUCTIONS` names; `scripts/test` runs this suite with each.
@Suite("Functions of rows")
struct RowFunctionTests {
  private static let sizes = [1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 64, 67]

  private func random<Element: Scalar>(
    _ rows: Int, _ columns: Int, _ seed: Int, scale: Double = 3
  ) -> Matrix<Element> {
    var generator = SeededGenerator(seed: UInt64(seed))
    return Matrix(
      rows: rows, columns: columns,
      elements: (0..<rows * columns).map { _ in
        Element(scale * (Double(generator.index(below: 20_001)) / 10_000 - 1))
      })
  }

  private func check<Element: Scalar>(
    _ found: [Element], _ expected: [Double], _ comment: Comment, factor: Double = 1
  ) {
    // A few roundings of numbers of the size of the largest; Φ's formula has 1e-7.
    let largest = max(1, expected.map(abs).max() ?? 0)
    let tolerance = factor * largest * (Element.self == Float.self ? 2e-6 : 1e-13)
    #expect(found.count == expected.count, comment)
    for (a, b) in zip(found, expected) { #expect(abs(Double(a) - b) <= tolerance, comment) }
  }

  private func softmaxRow(_ row: [Double]) -> (p: [Double], logSum: Double) {
    let total = row.reduce(0) { $0 + Double.exp($1) }
    return (row.map { Double.exp($0) / total }, Double.log(total))
  }

  private func softmax<Element: Scalar>(_ type: Element.Type) {
    for columns in Self.sizes {
      let x: Matrix<Element> = random(5, columns, columns, scale: 8)
      for isCausal in [false, true] {
        var p = x
        let visible: Matrix<Element>.Visible = isCausal ? .upTo(1) : .all
        let sums = p.softmax(rows: 4, columns: columns, visible)
        for row in 0..<4 {
          let count = isCausal ? min(columns, row + 1) : columns
          let (expected, logSum) = softmaxRow(x[row: row].prefix(count).map { Double($0) })
          check(
            Array(p[row: row]), expected + Array(repeating: 0, count: columns - count),
            "\(columns) columns")
          check([sums[row]], [logSum], "log sum of \(columns)")
        }
        #expect(Array(p[row: 4]) == Array(x[row: 4]), "a row that does not take part")
        var again = x
        again.softmax(logSums: sums[...], columns: columns, visible)
        check(again.elements, p.elements.map { Double($0) }, "from sums", factor: 10)
      }
    }
  }

  @Test("softmax over what a row may see")
  func softmax() {
    softmax(Float.self)
    softmax(Double.self)
  }

  private func softmaxGradient<Element: Scalar>(_ type: Element.Type) {
    for columns in Self.sizes {
      var p: Matrix<Element> = random(3, columns, 1)
      _ = p.softmax(rows: 3, columns: columns, .all)
      let gradient: Matrix<Element> = random(3, columns, 2)
      let dots = p.plainRowDots(with: gradient, columns: 0..<columns)
      var found = gradient
      found.turnThroughSoftmax(p, dots: dots[...], columns: columns, scale: 0.5)
      let expected = (0..<3).flatMap { row -> [Double] in
        let (p, g) = (p[row: row].map { Double($0) }, gradient[row: row].map { Double($0) })
        let dot = zip(p, g).reduce(0) { $0 + $1.0 * $1.1 }
        return zip(p, g).map { 0.5 * $0 * ($1 - dot) }
      }
      check(found.elements, expected, "\(columns) columns")
    }
  }

  @Test("the gradient of softmax")
  func softmaxGradient() {
    softmaxGradient(Float.self)
    softmaxGradient(Double.self)
  }

  /// Loops, and the gradient by central differences of the loops.
  private func normalization<Element: Scalar>(_ type: Element.Type, isCentered: Bool) {
    func normalized(_ x: [Double], _ gain: [Double], _ shift: [Double]) -> [Double] {
      let mean = isCentered ? x.reduce(0, +) / Double(x.count) : 0
      let square = x.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(x.count)
      return x.indices.map { (x[$0] - mean) / (square + 0.01).squareRoot() * gain[$0] + shift[$0] }
    }
    for columns in Self.sizes {
      let x: Matrix<Element> = random(2, columns, columns + 5)
      let gain = (random(1, columns, 7) as Matrix<Element>).elements
      let shift = isCentered ? (random(1, columns, 8) as Matrix<Element>).elements : []
      let (y, statistics) = x.normalized(
        gain: gain, shift: shift, isCentered: isCentered, epsilon: 0.01)
      let gains = gain.map { Double($0) }
      let shifts = isCentered ? shift.map { Double($0) } : gains.map { _ in 0 }
      let dy: Matrix<Element> = random(2, columns, 9)
      var sum: Matrix<Element> = random(2, columns, 10)
      let before = sum
      sum.addThroughNormalization(
        dy, input: x, statistics: statistics, gain: gain, isCentered: isCentered)
      for row in 0..<2 {
        let input = x[row: row].map { Double($0) }
        check(Array(y[row: row]), normalized(input, gains, shifts), "\(columns)", factor: 5)
        let outer = dy[row: row].map { Double($0) }
        let slopes = input.indices.map { place -> Double in
          func value(_ step: Double) -> Double {
            var moved = input
            moved[place] += step
            return zip(normalized(moved, gains, shifts), outer).reduce(0) { $0 + $1.0 * $1.1 }
          }
          return (value(1e-5) - value(-1e-5)) / 2e-5
        }
        // The difference has an error of about 1e-7 of the slopes, which one number of ε alone makes large.
        let expected = zip(before[row: row], slopes).map { Double($0) + $1 }
        check(
          Array(sum[row: row]), expected, "gradient of \(columns)",
          factor: Element.self == Float.self ? 30 : 1e7)
      }
    }
  }

  @Test("normalizations and their gradients", arguments: [false, true])
  func normalization(isCentered: Bool) {
    normalization(Float.self, isCentered: isCentered)
    normalization(Double.self, isCentered: isCentered)
  }

  private func value(_ function: RowActivation, _ x: Double) -> Double {
    switch function {
    case .gelu: x * 0.5 * Double.erfc(-x / 2.0.squareRoot())
    case .geluTanh:
      0.5 * x * (1 + Double.tanh((2 / Double.pi).squareRoot() * (x + 0.044715 * x * x * x)))
    case .silu: x / (1 + Double.exp(-x))
    case .relu: max(x, 0)
    case .tanh: Double.tanh(x)
    }
  }

  private func activation<Element: Scalar>(_ function: RowActivation, _ type: Element.Type) {
    for count in Self.sizes {
      var x: Matrix<Element> = random(1, count, count, scale: 6)
      // Far out, where exponentials end.
      if count > 6 {
        x = Matrix(
          rows: 1, columns: count, elements: [-40, 40, -200, 200] + x.elements.dropFirst(4))
      }
      let factor: Matrix<Element> = random(1, count, 20)
      let dy: Matrix<Element> = random(1, count, 21)
      let values = x.elements.map { value(function, Double($0)) }
      check(x.activated(function).elements, values, "\(function) of \(count)")
      check(
        x.activated(function, times: factor).elements,
        zip(values, factor.elements).map { $0 * Double($1) }, "\(function) times")
      let slopes = x.elements.map { x in
        (value(function, Double(x) + 1e-5) - value(function, Double(x) - 1e-5)) / 2e-5
      }
      var dx = x
      dx.turnThroughActivation(function, gradient: dy)
      let tolerance = Element.self == Float.self ? 3.0 : 1e5
      check(
        dx.elements, zip(slopes, dy.elements).map { $0 * Double($1) }, "slope of \(function)",
        factor: tolerance)
      var (dGate, dFactor) = (x, factor)
      dGate.turnThroughActivation(function, times: &dFactor, gradient: dy)
      let products = zip(factor.elements, dy.elements).map { Double($0) * Double($1) }
      check(dGate.elements, zip(slopes, products).map(*), "gate of \(function)", factor: tolerance)
      check(
        dFactor.elements, zip(values, dy.elements).map { $0 * Double($1) }, "factor of \(function)")
    }
  }

  @Test("activations and their gradients", arguments: RowActivation.allCases)
  func activation(_ function: RowActivation) {
    activation(function, Float.self)
    activation(function, Double.self)
  }

  private func rotation<Element: Scalar>(_ type: Element.Type) {
    for half in [1, 2, 4, 7, 16, 20] {
      let frequencies = (0..<half).map { 1 / Double.pow(100, Double($0) / Double(half)) }
      let table = RotationTable<Element>(frequencies: frequencies, positions: 12)
      let x: Matrix<Element> = random(3, 4 * half + 3, half)
      var y = x
      y.rotate(heads: 2, firstColumn: 1, positions: [0, 5, 11], by: table)
      for (row, position) in [0, 5, 11].enumerated() {
        var expected = x[row: row].map { Double($0) }
        for head in 0..<2 {
          for pair in 0..<half {
            let (i, j) = (1 + head * 2 * half + pair, 1 + head * 2 * half + half + pair)
            let angle = Double(position) * frequencies[pair]
            let (a, b) = (expected[i], expected[j])
            expected[i] = a * Double.cos(angle) - b * Double.sin(angle)
            expected[j] = b * Double.cos(angle) + a * Double.sin(angle)
          }
        }
        check(Array(y[row: row]), expected, "half \(half)")
      }
      y.rotate(heads: 2, firstColumn: 1, positions: [0, 5, 11], by: table, isBackward: true)
      check(y.elements, x.elements.map { Double($0) }, "turned back")
    }
  }

  @Test("rotations, and back")
  func rotation() {
    rotation(Float.self)
    rotation(Double.self)
  }

  private func measure<Element: Scalar>(_ measure: LogitMeasure, _ type: Element.Type) {
    for columns in Self.sizes where columns > 1 {
      let z: Matrix<Element> = random(3, columns, columns, scale: 5)
      let targets = [0, Int32(columns - 1), Int32(columns / 2)]
      let weights: [Element] = [1, -0.5, 2]
      var gradient = z
      let values = gradient.turnIntoGradient(of: measure, targets: targets, weights: weights)
      for row in 0..<3 {
        let logits = z[row: row].map { Double($0) }
        let target = Int(targets[row])
        let p = softmaxRow(logits).p
        let others = p.indices.filter { $0 != target }.reduce(0) { $0 + p[$1] }
        let own = p.indices.map { $0 == target ? 1.0 : 0 }
        let (value, slope): (Double, [Double]) =
          switch measure {
          case .loss: (-Double.log(p[target]), zip(p, own).map { $0 - $1 })
          case .margin:
            (Double.log(p[target] / others), zip(p, own).map { $1 == 1 ? 1 : -$0 / others })
          case .logit: (logits[target], own)
          }
        check([Element(values[row])], [value], "\(measure) of \(columns)", factor: 3)
        check(
          Array(gradient[row: row]), slope.map { $0 * Double(weights[row]) },
          "gradient of \(measure) of \(columns)")
      }
    }
  }

  @Test("measures of logits and their gradients", arguments: LogitMeasure.allCases)
  func measure(_ measure: LogitMeasure) {
    self.measure(measure, Float.self)
    self.measure(measure, Double.self)
  }

  @Test("a sure answer keeps the digits of its small loss")
  func sureAnswers() {
    var z = Matrix<Float>(rows: 1, columns: 3, elements: [30, 0, -2])
    let loss = z.turnIntoGradient(of: .loss, targets: [0], weights: [1])[0]
    let expected = Double.log(onePlus: Double.exp(-30) + Double.exp(-32))
    #expect(abs(loss / expected - 1) < 1e-6)
    #expect(abs(Double(z.elements[0]) / -expected - 1) < 1e-6)
  }

  @Test("a margin is as large as it is, and its gradient goes to the runner-up")
  func largeMargins() {
    var z = Matrix<Float>(rows: 1, columns: 3, elements: [120, 0, -50])
    let margin = z.turnIntoGradient(of: .margin, targets: [0], weights: [1])[0]
    #expect(abs(margin - 120) < 1e-4)
    #expect(z.elements[0] == 1 && abs(z.elements[1] + 1) < 1e-6 && abs(z.elements[2]) < 1e-20)
  }

  @Test("what is not a number stays so, in every function")
  func notANumber() {
    for bad in [Float.nan, .infinity, -.infinity] {
      let x = Matrix<Float>(rows: 1, columns: 5, elements: [1, bad, 2, 3, -1])
      for function in RowActivation.allCases where bad.isNaN {
        #expect(x.activated(function).elements[1].isNaN)
      }
      var p = x
      _ = p.softmax(rows: 1, columns: 5, .all)
      #expect(p.elements.contains { !$0.isFinite } || bad == -.infinity)
      let y = x.normalized(
        gain: [1, 1, 1, 1, 1], shift: [], isCentered: false, epsilon: 1e-6
      ).rows
      #expect(y.elements.contains { !$0.isFinite } || y.elements == [0, 0, 0, 0, 0])
      var z = x
      let value = z.turnIntoGradient(of: .loss, targets: [0], weights: [1])[0]
      #expect(!value.isFinite || bad == -.infinity)
    }
  }

  private func dropout<Element: Scalar>(_ type: Element.Type) {
    let mask = DropoutMask(rate: 0.3, seed: 11, stream: 1 << 40 | 5)
    for (place, count) in [(0, 1), (0, 64), (5, 64), (63, 2), (17, 300), (1 << 34, 130)] {
      var x = Matrix<Element>(repeating: 1, rows: 1, columns: count)
      x.drop(mask, from: place)
      let kept = Element(1 / 0.7)
      #expect(x.elements == (0..<count).map { mask.drops(place + $0) ? 0 : kept })
    }
    var many = Matrix<Element>(repeating: 1, rows: 100, columns: 1000)
    many.drop(mask, from: 0)
    // Six standard deviations of a binomial.
    let share = Double(many.elements.filter { $0 == 0 }.count) / 1e5
    #expect(abs(share - 0.3) < 6 * (0.3 * 0.7 / 1e5).squareRoot())
  }

  @Test("dropout follows its definition, wherever it begins")
  func dropout() {
    dropout(Float.self)
    dropout(Double.self)
  }

  @Test("each row gets the same numbers added")
  func addedRows() {
    for columns in Self.sizes {
      let x: Matrix<Float> = random(3, columns, 1)
      let row: Matrix<Float> = random(1, columns, 2)
      var y = x
      y.addToEachRow(row.elements)
      #expect(
        y.elements == x.elements.indices.map { x.elements[$0] + row.elements[$0 % columns] })
    }
  }
}
