import InfluenceKit
import Testing

@Suite("Estimator catalog")
struct EstimatorCatalogTests {
  @Test("Every name makes an estimator of that name", arguments: EstimatorCatalog.names)
  func names(name: String) throws {
    let estimator = try EstimatorCatalog.estimator(name)
    #expect(estimator.name == name)
    #expect(EstimatorCatalog.summaries[name]?.isEmpty == false)
    #expect(Set(EstimatorCatalog.summaries.keys) == Set(EstimatorCatalog.names))
    // Cosine is tested against its own definition.
    #expect(
      Set(Method.allCases.map(\.rawValue)).union([Cosine.name]) == Set(EstimatorCatalog.compared))
    #expect(Set(EstimatorCatalog.compared).isSubset(of: EstimatorCatalog.names))
    // A trailing colon gives no settings.
    #expect(try EstimatorCatalog.estimator(name + ":").settings == estimator.settings)
  }

  @Test(
    "Settings",
    arguments: [
      ("lissa:depth=10", ["depth": "10", "scale": "power-iteration"]),
      ("lissa:tolerance=1e-3,scale=2.5", ["tolerance": "0.001", "scale": "2.5"]),
      ("lissa", ["tolerance": "1e-06", "scale": "power-iteration"]),
      ("cg", ["tolerance": "1e-06", "steps": "1000"]),
      ("cg:steps=50,tolerance=0", ["tolerance": "0.0", "steps": "50"]),
      ("pcg", ["tolerance": "0.001", "steps": "200", "preconditioner": "none"]),
      (
        "pcg:preconditioner=datainf,steps=9,tolerance=0.01",
        ["tolerance": "0.01", "steps": "9", "preconditioner": "datainf"]
      ),
      ("datainf", [:]),
    ])
  func settings(specification: String, settings: [String: String]) throws {
    #expect(try EstimatorCatalog.estimator(specification).settings == settings)
  }

  @Test(
    "Unknown names are answered with the known ones", arguments: ["", "dataInf", "x:depth=1", ":"])
  func unknown(specification: String) throws {
    let error = #expect(throws: InfluenceError.self) {
      _ = try EstimatorCatalog.estimator(specification)
    }
    guard case .unknownMethod(let name, let known)? = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(known == EstimatorCatalog.names + RepresentationCatalog.names)
    let description = "\(InfluenceError.unknownMethod(name, known: known))"
    for method in EstimatorCatalog.names { #expect(description.contains(method)) }
  }

  @Test(
    "Settings that a method does not have, or that do not read, are refused",
    arguments: [
      ("lissa:depth=0", "lissa", "depth"), ("lissa:tolerance=1", "lissa", "tolerance"),
      ("lissa:scale=-1", "lissa", "scale"), ("cg:tolerance=2", "cg", "tolerance"),
      ("cg:steps=0", "cg", "steps"), ("pcg:steps=-1", "pcg", "steps"),
      ("exact:tolerance=0", "exact", "tolerance"),
      ("lissa:foo=1", "lissa", "foo"), ("datainf:x=1", "datainf", "x"),
      ("exact:depth=3", "exact", "depth"),
      ("hessian-free:a=1", "hessian-free", "a"), ("cg:depth=3", "cg", "depth"),
      ("cg:steps=3,steps=4", "cg", "steps"), ("cg:steps=1.5", "cg", "steps"),
      ("cg:steps=", "cg", "steps="), ("cg:steps", "cg", "steps"),
      ("lissa:depth=ten", "lissa", "depth"),
      ("lissa:scale=x", "lissa", "scale"), ("cg:tolerance=small", "cg", "tolerance"),
      ("lissa:depth=3,tolerance=0.1", "lissa", "tolerance"),
    ])
  func refused(specification: String, method: String, setting: String) {
    let error = #expect(throws: InfluenceError.self) {
      _ = try EstimatorCatalog.estimator(specification)
    }
    guard case .invalidSetting(method, setting, _)? = error else {
      Issue.record("\(String(describing: error))")
      return
    }
  }
}
