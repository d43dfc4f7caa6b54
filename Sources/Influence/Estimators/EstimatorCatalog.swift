import Synchronization

/// The estimators by name, as commands and files spell them.
public enum EstimatorCatalog {
  /// The library's own methods, in the order in which tables show them.
  private static let own: [any Estimator.Type] = [
    HessianFree.self, Cosine.self, LESS.self, BlockNormalized.self, DataInf.self,
    DiagonalFisher.self,
    HyperINF.self, Shampoo.self, CorrectedShampoo.self, KFAC.self, EKFAC.self, Arnoldi.self,
    Nystrom.self, LoRIF.self, LiSSA.self, ConjugateGradient.self,
    PreconditionedConjugateGradient.self,
    EKFACConjugateGradient.self, ExactFisher.self, Source.self, UnitNormalized.self,
    RelatIFLoss.self, RelatIFTheta.self, Rescaled.self, TrackStar.self, TRAK.self, LoGra.self,
    ExactGaussNewton.self,
    ExactHessian.self,
  ]
  private static let registered = Mutex<[any Estimator.Type]>([])

  /// All methods: the library's own, then those that were registered.
  public static var types: [any Estimator.Type] { own + registered.withLock { $0 } }

  /// The names, in the order in which tables show them.
  public static var names: [String] { types.map { $0.name } }

  /// The names that a comparison runs unless told otherwise: those of DataInf's paper, and what they
  /// approximate.
  public static let compared = [
    HessianFree.name, Cosine.name, BlockNormalized.name, DataInf.name, LiSSA.name,
    ConjugateGradient.name,
    ExactFisher.name,
  ]

  /// One line on each method, with its settings, by name.
  public static var summaries: [String: String] {
    Dictionary(uniqueKeysWithValues: types.map { ($0.name, $0.help) })
  }

  /// Adds a method of a program's own, which every function that takes methods by name then knows.
  ///
  /// - Precondition: No other method has its name.
  public static func register(_ type: any Estimator.Type) {
    registered.withLock { known in
      precondition(
        !(own + known).contains { $0.name == type.name }
          && !RepresentationCatalog.names.contains(type.name),
        "there is a method called \(type.name) already")
      known.append(type)
    }
  }

  /// Makes an estimator from a name, with settings after a colon: `datainf`, `lissa:depth=10`,
  /// `cg:tolerance=1e-3,steps=50`, `relatif-l:base=cg:steps=50`.
  ///
  /// - Throws: ``InfluenceError/unknownMethod(_:known:)`` or
  ///   ``InfluenceError/invalidSetting(method:setting:reason:)``.
  public static func estimator(_ specification: String) throws(InfluenceError) -> any Estimator {
    let specification = MethodSpecification(specification)
    guard let type = types.first(where: { $0.name == specification.name }) else {
      guard !RepresentationCatalog.names.contains(specification.name) else {
        throw .needsRepresentations(method: specification.name)
      }
      throw .unknownMethod(specification.name, known: names + RepresentationCatalog.names)
    }
    return try type.reading(specification) { text throws(InfluenceError) in try estimator(text) }
  }
}
