import InfluenceKit

/// What a method says of itself, ready to be printed.
struct MethodSheet {
  let name: String
  let summary: String
  let settings: [DescribedSetting]
  private let page: MethodPage?
  private let needs: [String]
  private let sides: [String]
  private let damping: String
  private let isOfGradients: Bool

  private static let sign =
    "positive: more of the example lowers the query's loss; --convention influence writes the opposite"

  /// Makes the sheet of a method, with its settings after a colon.
  ///
  /// - Throws: `InfluenceError` for a name or a setting that there is not.
  init(_ specification: String) throws {
    let found: any ConfigurableMethod
    if let method = try RepresentationCatalog.method(specification) {
      found = method
      needs = ["what the last layer reads of each example, \(Representations.fileName)"]
      sides = []
      damping = "none"
      isOfGradients = false
    } else {
      let method = try EstimatorCatalog.estimator(specification)
      found = method
      needs = method.inputs.map { Advice.withOptions($0.phrase) }.sorted()
      sides = Side.allCases.filter { method.works(on: $0) }.map(\.rawValue)
      damping =
        !method.isDamped
        ? "none" : method.allowsZeroDamping ? "λ, which may be 0" : "λ, which must be above 0"
      isOfGradients = true
    }
    name = found.name
    let kind = type(of: found)
    summary = Advice.withOptions(kind.summary)
    page = kind.page
    settings = found.describedSettings
  }

  /// The sheet as lines, each part under its name.
  var lines: [String] {
    let nothing = isOfGradients ? "the gradients alone" : "nothing"
    let parts: [(String, [String])] = [
      ("scores", page?.formula ?? []),
      ("source", page.map { [$0.source] } ?? []),
      ("needs", needs.isEmpty ? [nothing] : needs),
      ("fitted", sides.isEmpty ? [] : ["on the \(sides.joined(separator: " or ")) side"]),
      ("cost", page.map { [$0.cost] } ?? []),
      ("damping", [damping]),
      ("sign", [Self.sign]),
      ("note", page.map { $0.remark.isEmpty ? [] : [$0.remark] } ?? []),
    ]
    return ["\(name): \(summary)", ""]
      + parts.flatMap { title, texts in
        texts.enumerated().map { place, text in
          (place == 0 ? title : "").padding(to: 9) + Advice.withOptions(text)
        }
      }
  }

  var json: OrderedJSON {
    [
      "method": .string(name), "summary": .string(summary),
      "formula": .list(page?.formula ?? []), "source": .text(page?.source),
      "needs": .list(needs), "sides": .list(sides), "cost": .text(page?.cost),
      "damping": .string(damping), "sign": .string(Self.sign),
      "note": .text(page.flatMap { $0.remark.isEmpty ? nil : $0.remark }),
      "settings": .array(
        settings.map {
          ["setting": .string($0.name), "usage": .string($0.usage), "value": .text($0.value)]
        }),
    ]
  }
}

extension String {
  /// The text with spaces behind it.
  fileprivate func padding(to width: Int) -> String {
    self + String(repeating: " ", count: max(0, width - count))
  }
}
