package import LinearAlgebra

/// Conjugate gradients for many right-hand sides, one per row, each with its own step lengths.
///
/// Works in any coordinates: the operator A is given together with the metric B of the inner product
/// ⟨x, y⟩ = xᵀBy in which it is symmetric. Rows that have ended leave the products.
package struct ConjugateGradientSolver: Sendable {
  /// The residual norm at which each row stops.
  package let tolerances: [Double]
  /// The most steps to take.
  package let maximumSteps: Int

  package init(tolerances: [Double], maximumSteps: Int) {
    self.tolerances = tolerances
    self.maximumSteps = maximumSteps
  }

  /// How one row ended.
  package enum Ending: Equatable, Sendable {
    case converged
    case outOfSteps
    /// ⟨p, A·p⟩ ≤ 0 or NaN: the operator is not positive definite along p, or rounding has taken
    /// over. The row keeps what it had.
    case negativeCurvature(step: Int)
  }

  package struct Result: Sendable {
    package var solution: Matrix<Double>
    package var residualNorms: [Double]
    package var endings: [Ending]
    package var steps: Int
  }

  /// The rows still under way, with the vectors of the recurrence.
  private struct Active {
    var rows: [Int]
    var solution: Matrix<Double>
    var residual: Matrix<Double>
    var directions: Matrix<Double>
    /// B·p, carried along by the same recurrence as p.
    var metricOfDirections: Matrix<Double>
    /// ⟨r, r⟩.
    var squared: [Double]

    mutating func keep(_ places: [Int]) {
      rows = places.map { rows[$0] }
      solution = solution.selecting(rows: places)
      residual = residual.selecting(rows: places)
      directions = directions.selecting(rows: places)
      metricOfDirections = metricOfDirections.selecting(rows: places)
      squared = places.map { squared[$0] }
    }
  }

  /// Solves A·x = r₀ from x = 0.
  ///
  /// - Parameters:
  ///   - start: r₀, the right-hand sides, `m × n`.
  ///   - metric: B·x for each row x.
  ///   - image: A·p for each row p, given p and B·p.
  /// - Complexity: one call of each closure a step.
  package func solve(
    residual start: Matrix<Double>, metric: (Matrix<Double>) -> Matrix<Double>,
    image: (_ directions: Matrix<Double>, _ metric: Matrix<Double>) -> Matrix<Double>
  ) -> Result {
    var result = Result(
      solution: .zeros(start.rows, start.columns),
      residualNorms: [Double](repeating: 0, count: start.rows),
      endings: [Ending](repeating: .outOfSteps, count: start.rows), steps: 0)
    let startMetric = metric(start)
    var active = Active(
      rows: Array(0..<start.rows), solution: result.solution, residual: start, directions: start,
      metricOfDirections: startMetric, squared: start.view.rowDots(with: startMetric.view))

    /// Takes rows out of the iteration; `endings` is nil where a row goes on.
    func retire(_ endings: [Ending?]) {
      for (place, row) in active.rows.enumerated() {
        result.residualNorms[row] = Self.root(active.squared[place])
        guard let ending = endings[place] else { continue }
        result.endings[row] = ending
        result.solution[row: row] = active.solution[row: place]
      }
      let going = endings.indices.filter { endings[$0] == nil }
      if going.count < endings.count { active.keep(going) }
    }

    retire(endingsByTolerance(active.rows, active.squared))
    while !active.rows.isEmpty, result.steps < maximumSteps {
      let images = image(active.directions, active.metricOfDirections)
      let curvatures = active.metricOfDirections.view.rowDots(with: images.view)
      let lengths = zip(active.squared, curvatures).map { $1 > 0 ? $0 / $1 : 0 }
      active.solution.addRows(of: active.directions, scaledBy: lengths)
      active.residual.addRows(of: images, scaledBy: lengths.map { -$0 })
      let metricOfResidual = metric(active.residual)
      let squared = active.residual.view.rowDots(with: metricOfResidual.view)
      let ratios = zip(squared, active.squared).map { $1 > 0 ? $0 / $1 : 0 }
      active.directions.scaleRows(by: ratios)
      active.directions.add(active.residual)
      active.metricOfDirections.scaleRows(by: ratios)
      active.metricOfDirections.add(metricOfResidual)
      active.squared = squared
      let converged = endingsByTolerance(active.rows, squared)
      retire(
        curvatures.indices.map { place in
          curvatures[place] > 0 ? converged[place] : .negativeCurvature(step: result.steps)
        })
      result.steps += 1
    }
    retire(active.rows.map { _ in .outOfSteps })
    return result
  }

  private func endingsByTolerance(_ rows: [Int], _ squared: [Double]) -> [Ending?] {
    zip(rows, squared).map { row, square in
      Self.root(square) <= tolerances[row] ? .converged : nil
    }
  }

  /// The root of a square that rounding may have made negative; NaN stays NaN, which is not converged.
  private static func root(_ square: Double) -> Double { square < 0 ? 0 : square.squareRoot() }
}

extension ConjugateGradientSolver.Result {
  /// What a user should know of rows that did not converge.
  func warnings(block: String, steps limit: Int) -> [String] {
    var warnings: [String] = []
    let short = endings.count { $0 == .outOfSteps }
    if short > 0 {
      warnings.append(
        "block \(block): \(short) of \(endings.count) solves stopped after \(limit) steps above the tolerance; raise steps or the damping"
      )
    }
    let indefinite = endings.count {
      if case .negativeCurvature = $0 { true } else { false }
    }
    if indefinite > 0 {
      warnings.append(
        "block \(block): \(indefinite) of \(endings.count) solves met a direction without positive curvature and stopped there; raise the damping or the tolerance"
      )
    }
    return warnings
  }
}
