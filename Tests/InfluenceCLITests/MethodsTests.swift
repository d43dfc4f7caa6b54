import InfluenceKit
import TestSupport
import Testing

@Suite("influence methods")
struct MethodsTests {
  let place: Workplace

  init() throws { place = try Workplace(inMemory: ()) }

  @Test("lists every method, and JSON has a page of each")
  func list() throws {
    let output = try place.succeed(["methods"]).output
    let names = EstimatorCatalog.names + RepresentationCatalog.names
    for name in names { #expect(output.contains("\n\(name) "), "\(name)") }
    let pages = try #require(try place.succeed(["methods", "--json"]).json().array)
    #expect(pages.compactMap { $0["method"]?.string } == names)
    for page in pages {
      let name = page["method"]?.string ?? ""
      #expect(page["formula"]?.array?.isEmpty == false, "\(name)")
      for key in ["summary", "source", "cost", "damping", "sign"] {
        #expect(page[key]?.string?.isEmpty == false, "\(name): \(key)")
      }
    }
  }

  @Test("says of a method what it needs, where it is fitted and how it is set")
  func page() throws {
    let ekfac = try place.succeed(["methods", "ekfac"]).output
    #expect(ekfac.contains("curvature.safetensors") && ekfac.contains("on the query side"))
    let less = try place.succeed(["methods", "less"]).output
    #expect(less.contains("optimizer.safetensors") && less.contains("damping  none"))
    let exact = try place.succeed(["methods", "exact"]).output
    #expect(exact.contains("on the score or query side") && exact.contains("the gradients alone"))
    #expect(exact.contains("λ, which may be 0") && exact.contains("accuracy"))
    // What a base needs is needed.
    let unit = try place.succeed(["methods", "unit:base=ekfac", "--json"]).json()
    #expect(unit["needs"]?.array?.count == 1)
    #expect(unit["settings"]?[0]?["value"]?.string == "ekfac")
    let star = try place.succeed(["methods", "trackstar:correction=none", "--json"]).json()
    #expect(star["needs"]?.array?.isEmpty == true)
    #expect(try place.succeed(["methods", "rps"]).output.contains("representations.safetensors"))
  }

  @Test("names what there is where there is no such method or setting")
  func errors() throws {
    let unknown = try place.run(["methods", "datainff"])
    #expect(unknown.status == 64 && unknown.errors.contains("datainf"))
    let setting = try place.run(["methods", "cg:step=3"])
    #expect(setting.status == 64 && setting.errors.contains("step"))
  }
}
