import InfluenceKit
import TestSupport
import Testing

@Suite("Block spectra")
struct BlockSpectrumTests {
  @Test(
    "Eigenvalues are those of Jacobi rotations", arguments: CurvatureOptions.Precision.allCases,
    Spectrum.allCases)
  func eigenvalues(precision: CurvatureOptions.Precision, spectrum: Spectrum) throws {
    for width in [30, 20, 7] {
      let problem = Problem(blocks: [.random("w", shape: [width], rows: 20, spectrum, seed: 71)])
      let block = try #require(problem.naive.first)
      let found = try #require(try BlockSpectrum.all(of: problem.training(precision)).first)
      #expect(found.block == "w")
      #expect(found.eigenvalues.count == min(20, width))
      #expect(found.eigenvalues == found.eigenvalues.sorted(by: >))
      #expect(found.eigenvalues.allSatisfy { $0 >= 0 })
      let expected = Naive.eigendecomposition(block.fisher).values.reversed().prefix(min(20, width))
      // No eigenvalue moves further than the error of the matrix (Weyl), whose products are singles.
      expectClose(
        found.eigenvalues, Array(expected),
        bound: .absolute(block.rounding(.single) * block.largestEigenvalue))
      expectClose(found.damping, block.lambda, bound: .backward(order: 20 + width))
    }
  }

  @Test("Summaries of a known spectrum")
  func summaries() throws {
    // F = diag(9, 4, 1, 0) from one axis a row: sⱼ = gⱼ²/n.
    var gradients = Matrix<Double>.zeros(4, 4)
    for (index, value) in [4.0, 2, 6, 0].enumerated() { gradients[index, index] = value }
    let problem = Problem(gradients: gradients, queries: gradients)
    let spectrum = try #require(
      try BlockSpectrum.all(of: problem.training(.single), damping: .absolute(1)).first)
    // Sixteenfold singles without rounding, but LAPACK rounds.
    expectClose(spectrum.eigenvalues, [9, 4, 1, 0], bound: .backward(order: 4))
    expectClose(spectrum.conditionNumber, 10.0, bound: .backward(order: 4))
    expectClose(spectrum.stableRank, 14.0 / 9, bound: .backward(order: 4, condition: 10))
    expectClose(
      spectrum.effectiveDimension, 0.9 + 0.8 + 0.5, bound: .backward(order: 4, condition: 10))
  }

  @Test("Dead blocks have no spectrum")
  func dead() throws {
    var problem = Problem.standard
    problem.blocks[1].gradients = .zeros(24, 10)
    #expect(
      try BlockSpectrum.all(of: problem.training(.single)).map(\.block) == ["a.weight", "c.weight"])
  }
}
