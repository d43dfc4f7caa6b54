import Gradients

/// The estimators by name, as commands and files spell them.
public enum EstimatorCatalog {
  /// The names, in the order in which tables show them.
  public static let names = [
    "hessian-free", "cosine", "block-normalized", "datainf", "diagonal", "shampoo", "eshampoo",
    "kfac", "ekfac", "arnoldi", "nystrom", "lissa", "cg", "pcg", "exact", "relatif-l",
    "relatif-theta", "trak", "logra", "exact-ggn", "exact-hessian",
  ]

  /// The names that a comparison runs unless told otherwise: those of DataInf's paper, and what they
  /// approximate.
  public static let compared = [
    "hessian-free", "block-normalized", "datainf", "lissa", "cg", "exact",
  ]

  /// One line on each method.
  public static let summaries: [String: String] = [
    "hessian-free": "inner product of gradients, M = I",
    "diagonal": "diagonal Fisher, M = 1/(mean g² + λ)",
    "shampoo": "second moments of each block's rows and columns",
    "eshampoo": "their eigenbasis with the gradients' second moments",
    "arnoldi": "leading eigenvectors; rank=K, steps=T, complement=true|false, seed=N",
    "nystrom": "span of some gradients; landmarks=K, seed=N",
    "cosine": "cosine of gradients",
    "kfac": "Kronecker factors of the model, M = (S ⊗ A + λI)⁻¹",
    "ekfac": "their eigenbasis with the gradients' second moments",
    "relatif-l": "divided by √(gᵀMg); base=METHOD, exact unless given",
    "relatif-theta": "divided by |Mg|; base=METHOD, exact unless given",
    "trak": "features of the margin, weighted by 1 − p; probabilities=FILE",
    "logra": "exact on gradients projected by influence project --kind logra",
    "exact-ggn": "damped Gauss–Newton matrix of the model",
    "exact-hessian": "damped Hessian of the model",
    "block-normalized": "inner product divided by each block's damping, M = I/λ",
    "datainf": "mean of rank-one inverses, in closed form",
    "lissa": "Neumann series; depth=T or tolerance=E, scale=S",
    "cg": "conjugate gradients; tolerance=E, steps=N",
    "pcg": "exact by passes; tolerance=E, steps=N, preconditioner=P",
    "exact": "damped empirical Fisher; tolerance=E where by passes",
  ]

  /// Makes an estimator from a name, with settings after a colon: `datainf`, `lissa:depth=10`,
  /// `cg:tolerance=1e-3,steps=50`.
  ///
  /// - Throws: ``InfluenceError/unknownMethod(_:known:)`` or
  ///   ``InfluenceError/invalidSetting(method:setting:reason:)``.
  public static func estimator(_ specification: String) throws(InfluenceError) -> any Estimator {
    let parts = specification.split(separator: ":", maxSplits: 1).map(String.init)
    let name = parts.first ?? ""
    var settings = try parsedSettings(parts.count > 1 ? parts[1] : "", of: name)
    let estimator: any Estimator
    switch name {
    case "hessian-free": estimator = HessianFree()
    case "block-normalized": estimator = BlockNormalized()
    case "datainf": estimator = DataInf()
    case "exact":
      var exact = ExactFisher()
      if let text = settings.removeValue(forKey: "tolerance") {
        exact.tolerance = try number(text, Double.init, "tolerance", name)
      }
      estimator = exact
    case "lissa":
      var lissa = LiSSA()
      if let depth = settings.removeValue(forKey: "depth") {
        lissa.depth = .terms(try number(depth, Int.init, "depth", name))
      }
      if let tolerance = settings.removeValue(forKey: "tolerance") {
        guard case .tolerance = lissa.depth else {
          throw .invalidSetting(
            method: name, setting: "tolerance",
            reason: "the depth is given already; give one of them")
        }
        lissa.depth = .tolerance(try number(tolerance, Double.init, "tolerance", name))
      }
      // What is recorded of a scale that was chosen by itself can be given again.
      if let scale = settings.removeValue(forKey: "scale"), scale != LiSSA.automaticScale {
        lissa.scale = try number(scale, Double.init, "scale", name)
      }
      estimator = lissa
    case "cg":
      var solver = ConjugateGradient()
      if let tolerance = settings.removeValue(forKey: "tolerance") {
        solver.tolerance = try number(tolerance, Double.init, "tolerance", name)
      }
      if let steps = settings.removeValue(forKey: "steps") {
        solver.maximumSteps = try number(steps, Int.init, "steps", name)
      }
      estimator = solver
    case "pcg": estimator = try passes(&settings)
    case "cosine": estimator = Cosine()
    case "logra": estimator = LoGra()
    case "trak": estimator = TRAK(probabilities: settings.removeValue(forKey: "probabilities"))
    case "diagonal": estimator = DiagonalFisher()
    case "shampoo": estimator = Shampoo()
    case "eshampoo": estimator = Shampoo(correctsEigenvalues: true)
    case "arnoldi": estimator = try arnoldi(&settings)
    case "nystrom": estimator = try nystrom(&settings)
    case "kfac": estimator = KFAC()
    case "ekfac": estimator = EKFAC()
    case "exact-hessian": estimator = SecondOrder(.hessian)
    case "exact-ggn": estimator = SecondOrder(.gaussNewton)
    case "relatif-l": estimator = try relative(.loss, &settings)
    case "relatif-theta": estimator = try relative(.parameters, &settings)
    case _ where RepresentationCatalog.names.contains(name):
      throw .needsRepresentations(method: name)
    default: throw .unknownMethod(name, known: names + RepresentationCatalog.names)
    }
    if let left = settings.keys.min() {
      throw .invalidSetting(method: name, setting: left, reason: "the method has no such setting")
    }
    try estimator.validateSettings()
    return estimator
  }

  /// The text that ``estimator(_:)`` makes this estimator of, as long as it is one of the catalog's.
  static func specification(of name: String, settings: [String: String]) -> String {
    let pairs = settings.sorted { $0.key < $1.key }.map { "\($0)=\($1)" }
    return pairs.isEmpty ? name : "\(name):\(pairs.joined(separator: ","))"
  }

  private static func arnoldi(
    _ settings: inout [String: String]
  ) throws(InfluenceError) -> Arnoldi {
    var arnoldi = Arnoldi()
    if let rank = settings.removeValue(forKey: "rank") {
      arnoldi.rank = try number(rank, Int.init, "rank", arnoldi.name)
    }
    if let steps = settings.removeValue(forKey: "steps") {
      arnoldi.steps = try number(steps, Int.init, "steps", arnoldi.name)
    }
    if let complement = settings.removeValue(forKey: "complement") {
      guard let flag = Bool(complement) else {
        throw .invalidSetting(
          method: arnoldi.name, setting: "complement",
          reason: "'\(complement)' is neither true nor false")
      }
      arnoldi.keepsComplement = flag
    }
    if let seed = settings.removeValue(forKey: "seed") {
      arnoldi.seed = try number(seed, UInt64.init, "seed", arnoldi.name)
    }
    return arnoldi
  }

  private static func nystrom(
    _ settings: inout [String: String]
  ) throws(InfluenceError) -> Nystrom {
    var nystrom = Nystrom()
    if let landmarks = settings.removeValue(forKey: "landmarks") {
      nystrom.landmarks = try number(landmarks, Int.init, "landmarks", nystrom.name)
    }
    if let seed = settings.removeValue(forKey: "seed") {
      nystrom.seed = try number(seed, UInt64.init, "seed", nystrom.name)
    }
    return nystrom
  }

  private static func relative(
    _ constraint: RelatIF.Constraint, _ settings: inout [String: String]
  ) throws(InfluenceError) -> RelatIF {
    guard let base = settings.removeValue(forKey: "base") else { return RelatIF(constraint) }
    return RelatIF(constraint, base: try estimator(base))
  }

  private static func passes(
    _ settings: inout [String: String]
  ) throws(InfluenceError) -> PreconditionedConjugateGradient {
    var solver = PreconditionedConjugateGradient()
    if let tolerance = settings.removeValue(forKey: "tolerance") {
      solver.tolerance = try number(tolerance, Double.init, "tolerance", solver.name)
    }
    if let steps = settings.removeValue(forKey: "steps") {
      solver.maximumSteps = try number(steps, Int.init, "steps", solver.name)
    }
    if let text = settings.removeValue(forKey: "preconditioner") {
      guard let preconditioner = PreconditionedConjugateGradient.Preconditioner(rawValue: text)
      else {
        let known = PreconditionedConjugateGradient.Preconditioner.allCases.map(\.rawValue)
        throw .invalidSetting(
          method: solver.name, setting: "preconditioner",
          reason: "'\(text)' is none of \(known.joined(separator: ", "))")
      }
      solver.preconditioner = preconditioner
    }
    return solver
  }

  static func parsedSettings(
    _ text: String, of method: String
  ) throws(InfluenceError) -> [String: String] {
    var settings: [String: String] = [:]
    for pair in text.split(separator: ",") {
      let sides = pair.split(separator: "=", maxSplits: 1).map(String.init)
      guard sides.count == 2 else {
        throw .invalidSetting(
          method: method, setting: String(pair), reason: "write it as name=value")
      }
      guard settings.updateValue(sides[1], forKey: sides[0]) == nil else {
        throw .invalidSetting(method: method, setting: sides[0], reason: "it is given twice")
      }
    }
    return settings
  }

  static func number<Value>(
    _ text: String, _ parse: (String) -> Value?, _ setting: String, _ method: String
  ) throws(InfluenceError) -> Value {
    guard let value = parse(text) else {
      throw .invalidSetting(method: method, setting: setting, reason: "'\(text)' is not a number")
    }
    return value
  }
}
