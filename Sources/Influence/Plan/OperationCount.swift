package import Gradients
import RealModule

/// The leading terms of what methods cost, one function per formula: the table of docs/methods.md.
///
/// All are for one block, with n training examples, m queries and d columns, and count a
/// multiplication and an addition as two operations.
package enum OperationCount {
  /// ν, the squared norms: 2nd.
  package static func norms(n: Int, d: Int) -> Double { 2 * Double(n) * Double(d) }

  /// K = G·Gᵀ, of which one triangle is computed: n²d.
  package static func kernel(n: Int, d: Int) -> Double { Double(n) * Double(n) * Double(d) }

  /// K of rows that are kept as factors: c²·n²·(p + q).
  package static func factoredKernel(n: Int, _ factors: BlockFactors) -> Double {
    factoredProducts(m: n, n: n, factors, factors) / 2
  }

  /// V·Gᵀ of m rows V and n rows G that are both kept as factors: 2c·c'·mn·(p + q).
  package static func factoredProducts(
    m: Int, n: Int, _ one: BlockFactors, _ other: BlockFactors
  ) -> Double {
    Double(one.rank) * Double(other.rank) * products(m: m, n: n, d: one.outputs + one.inputs)
  }

  /// F = GᵀG/n, of which one triangle is computed: nd².
  package static func fisher(n: Int, d: Int) -> Double { Double(n) * Double(d) * Double(d) }

  /// A·Gᵀ for m rows A, and as much for the pull-back Y·G: 2mnd.
  package static func products(m: Int, n: Int, d: Int) -> Double {
    2 * Double(m) * Double(n) * Double(d)
  }

  /// gᵀ·A·g of n examples with a symmetric A, by panels of A's upper triangle: nd(d + b), b being the width
  /// of a panel.
  package static func quadraticForms(n: Int, d: Int) -> Double {
    Double(n) * Double(d) * Double(d + min(d, quadraticPanel))
  }

  /// Columns of a symmetric matrix that quadratic forms take at a time.
  package static let quadraticPanel = 512

  /// The Cholesky factor of a matrix of order r: r³/3.
  package static func cholesky(order: Int) -> Double { cube(order) / 3 }

  /// The eigenvectors of a symmetric matrix of order r: 9r³.
  package static func eigendecomposition(order: Int) -> Double { 9 * cube(order) }

  /// One `q × p` matrix multiplied from both sides, counted once per multiplication and addition: pq(p + q).
  package static func rotation(q: Int, p: Int) -> Double {
    Double(p) * Double(q) * (Double(p) + Double(q))
  }

  /// Residuals from K: 4mn².
  package static func kernelCertificate(m: Int, n: Int) -> Double {
    4 * Double(m) * Double(n) * Double(n)
  }

  /// Residuals from F: 2md².
  package static func fisherCertificate(m: Int, d: Int) -> Double {
    2 * Double(m) * Double(d) * Double(d)
  }

  /// An upper bound on the steps of conjugate gradients to a relative residual ε: ½√κ·ln(2/ε), where the
  /// standard damping bounds κ by 10d + 1.
  package static func conjugateSteps(d: Int, tolerance: Double) -> Int {
    let condition = 10 * Double(d) + 1
    let bound = (condition.squareRoot() / 2 * Double.log(2 / tolerance)).rounded(.up)
    return Int(max(1, min(bound, 1e9)))
  }

  private static func cube(_ order: Int) -> Double { Double(order) * Double(order) * Double(order) }
}
