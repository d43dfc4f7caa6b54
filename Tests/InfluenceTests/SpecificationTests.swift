import InfluenceKit
import Testing

@Suite("Specifications of methods")
struct SpecificationTests {
  /// Every method as it is, and with settings, some of them methods with settings of their own.
  static let specifications =
    EstimatorCatalog.names + RepresentationCatalog.names + [
      "exact:tolerance=0.01", "lissa:depth=10,scale=2.5", "lissa:tolerance=0.001",
      "cg:steps=50,tolerance=0.0", "pcg:preconditioner=datainf,steps=9,tolerance=0.01",
      "arnoldi:complement=false,rank=3,seed=7,steps=9", "nystrom:landmarks=4,seed=2",
      "lorif:oversampling=5,power=1,rank=7,seed=3",
      "trak:probabilities=p.npy", "knn-shapley:k=3", "relatif-l:base=datainf",
      "relatif-l:base=cg:tolerance=1e-1", "relatif-theta:base=cg:steps=50,tolerance=0.1",
      "relatif-l:base=exact:tolerance=0.5", "relatif-theta:base=lissa:depth=3,scale=9.0",
    ]

  @Test("A method is made again from its record", arguments: specifications)
  func roundTrip(specification: String) throws {
    let method: any ConfigurableMethod =
      if let method = try RepresentationCatalog.method(specification) { method } else {
        try EstimatorCatalog.estimator(specification)
      }
    let again: any ConfigurableMethod =
      if let method = try RepresentationCatalog.method(method.specification) { method } else {
        try EstimatorCatalog.estimator(method.specification)
      }
    #expect(again.specification == method.specification)
    #expect(again.name == method.name && again.settings == method.settings)
    // Nothing that was asked for is lost.
    for part in specification.split(whereSeparator: { ":,".contains($0) }).dropFirst() {
      let value = part.split(separator: "=")[1]
      let known = method.specification
      #expect(known.contains(value) || Double(value).map { known.contains("\($0)") } == true)
    }
  }

  @Test("The settings of a base belong to the base")
  func base() throws {
    let method = try EstimatorCatalog.estimator("relatif-l:base=cg:steps=50,tolerance=1e-1")
    let base = try #require((method as? RelatIFLoss)?.base as? ConjugateGradient)
    #expect(base.maximumSteps == 50 && base.tolerance == 0.1)
    #expect(method.settings == ["base": "cg:steps=50,tolerance=0.1"])
    #expect(throws: InfluenceError.self) {
      try EstimatorCatalog.estimator("relatif-l:base=cg:steps=0")
    }
    #expect(throws: InfluenceError.self) { try EstimatorCatalog.estimator("relatif-l:steps=5") }
    #expect(throws: InfluenceError.self) { try EstimatorCatalog.estimator("relatif-l:base=rps") }
    // A base without settings of its own ends at the comma.
    let error = #expect(throws: InfluenceError.self) {
      try EstimatorCatalog.estimator("relatif-l:base=datainf,x=1")
    }
    guard case .invalidSetting(RelatIFLoss.name, "x", _)? = error else {
      Issue.record("\(String(describing: error))")
      return
    }
  }
}
