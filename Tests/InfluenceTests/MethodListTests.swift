import InfluenceKit
import Testing

/// Lists of methods in one text.
@Suite("Lists of methods")
struct MethodListTests {
  @Test(
    "Commas part methods, but not the settings of one",
    arguments: [
      ("exact", ["exact"]),
      ("exact,datainf", ["exact", "datainf"]),
      ("exact,cg:steps=5,tolerance=0.1", ["exact", "cg:steps=5,tolerance=0.1"]),
      ("cg:steps=5,tolerance=0.1,exact", ["cg:steps=5,tolerance=0.1", "exact"]),
      ("lissa:depth=3,cg:steps=5", ["lissa:depth=3", "cg:steps=5"]),
      ("exact:,datainf", ["exact:", "datainf"]),
      ("relatif-l:base=datainf,exact", ["relatif-l:base=datainf", "exact"]),
      (
        "relatif-l:base=cg:tolerance=1e-1,exact,rps",
        ["relatif-l:base=cg:tolerance=1e-1", "exact", "rps"]
      ),
      // A setting that names a method with a setting is still a setting.
      ("a:b=1,base=cg:steps=5,exact", ["a:b=1,base=cg:steps=5", "exact"]),
      ("relatif-l:base=cg:steps=5,tolerance=0.1", ["relatif-l:base=cg:steps=5,tolerance=0.1"]),
      // Nothing is dropped: the catalog says what is wrong with it.
      ("", [""]), ("exact,", ["exact", ""]), ("steps=5,exact", ["steps=5", "exact"]),
    ])
  func split(text: String, methods: [String]) {
    #expect(MethodList.specifications(in: text) == methods)
  }

  @Test("Lists follow each other")
  func several() {
    #expect(
      MethodList.specifications(in: ["exact,cg:steps=5,tolerance=0.1", "rps"]) == [
        "exact", "cg:steps=5,tolerance=0.1", "rps",
      ])
    #expect(MethodList.specifications(in: []) == [])
  }

  @Test("What is split can be made", arguments: EstimatorCatalog.names)
  func made(name: String) throws {
    for specification in MethodList.specifications(in: "\(name),exact:tolerance=0.01,\(name)") {
      _ = try EstimatorCatalog.estimator(specification)
    }
  }
}
