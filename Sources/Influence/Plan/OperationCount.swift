import RealModule

/// The leading terms of what methods cost, one function a formula: the table of docs/methods.md.
///
/// All are for one block, with n training examples, m queries and d columns, and count a
/// multiplication and an addition as two operations.
public enum OperationCount {
  /// ν, the squared norms: 2nd.
  public static func norms(n: Int, d: Int) -> Double { 2 * Double(n) * Double(d) }

  /// K = G·Gᵀ, of which one triangle is computed: n²d.
  public static func kernel(n: Int, d: Int) -> Double { Double(n) * Double(n) * Double(d) }

  /// F = GᵀG/n, of which one triangle is computed: nd².
  public static func fisher(n: Int, d: Int) -> Double { Double(n) * Double(d) * Double(d) }

  /// A·Gᵀ for m rows A, and as much for the pull-back Y·G: 2mnd.
  public static func products(m: Int, n: Int, d: Int) -> Double {
    2 * Double(m) * Double(n) * Double(d)
  }

  /// What a method does to K or F once, of order r: r³/3 for `exact` (Cholesky), 9r³ for `lissa`
  /// (eigenvectors), nothing for the others.
  public static func factorization(by method: String, order: Int) -> Double {
    let cube = Double(order) * Double(order) * Double(order)
    return switch method {
    case "exact": cube / 3
    case "lissa": 9 * cube
    default: 0
    }
  }

  /// What a method does with its matrix of order r for m queries: 2mr² for `exact` and `datainf`,
  /// 4mr² for `lissa`, 2Tmr² for `cg`; nothing for methods without a matrix.
  ///
  /// - Parameters:
  ///   - method: The method's name.
  ///   - m: The number of queries.
  ///   - order: n on the score side, d on the query side.
  ///   - steps: T, for `cg`.
  public static func solve(by method: String, m: Int, order: Int, steps: Int = 1) -> Double {
    let product = 2 * Double(m) * Double(order) * Double(order)
    return switch method {
    case "hessian-free", "block-normalized": 0
    case "lissa": 2 * product
    case "cg": Double(steps) * product
    default: product
    }
  }

  /// Residuals from K: 4mn².
  public static func kernelCertificate(m: Int, n: Int) -> Double {
    4 * Double(m) * Double(n) * Double(n)
  }

  /// Residuals from F: 2md².
  public static func fisherCertificate(m: Int, d: Int) -> Double {
    2 * Double(m) * Double(d) * Double(d)
  }

  /// An upper bound on T, the steps of conjugate gradients on one block: ½√κ·ln(2/ε), where the
  /// standard damping bounds κ by 10d + 1; at most as many as there are eigenvalues, or are allowed.
  public static func steps(of solver: ConjugateGradient, n: Int, d: Int) -> Int {
    max(1, min(solver.maximumSteps, min(n, d), steps(d: d, tolerance: solver.tolerance)))
  }

  /// The same for block conjugate gradients, whose m queries search together: each step takes m of
  /// the min(n, d) directions there are.
  public static func steps(
    of solver: PreconditionedConjugateGradient, m: Int, n: Int, d: Int
  ) -> Int {
    let directions = min(n, d) / max(1, m) + 1
    return max(
      1, min(solver.maximumSteps, directions, steps(d: d, tolerance: solver.tolerance)))
  }

  private static func steps(d: Int, tolerance: Double) -> Int {
    let condition = 10 * Double(d) + 1
    let bound = (condition.squareRoot() / 2 * Double.log(2 / tolerance)).rounded(.up)
    return Int(max(1, min(bound, 1e9)))
  }
}
