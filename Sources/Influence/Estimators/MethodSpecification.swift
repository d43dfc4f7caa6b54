/// A method's name with the texts of its settings: `cg:steps=50,tolerance=0.001`.
///
/// The value of a setting that is itself a method with settings takes everything that follows, so that
/// settings of that method need no brackets: `relatif-l:base=cg:steps=50,tolerance=0.001`.
struct MethodSpecification: Sendable {
  /// The method's name.
  let name: String
  /// What follows the first colon.
  private let rest: String

  /// Cuts a text at its first colon.
  init(_ text: String) {
    let parts = text.split(separator: ":", maxSplits: 1).map(String.init)
    name = parts.first ?? ""
    rest = parts.count > 1 ? parts[1] : ""
  }

  /// Joins a name and settings; values that are specifications with settings come last.
  init(_ name: String, _ settings: [String: String]) {
    let pairs = settings.sorted { one, other in
      let (isNested, otherIsNested) = (one.value.contains(":"), other.value.contains(":"))
      return isNested == otherIsNested ? one.key < other.key : otherIsNested
    }
    self.name = name
    rest = pairs.map { "\($0.key)=\($0.value)" }.joined(separator: ",")
  }

  /// The whole, as it is typed.
  var text: String { rest.isEmpty ? name : "\(name):\(rest)" }

  /// The settings by name.
  ///
  /// - Parameter greedy: The names of settings whose value, where it has settings of its own, is all that
  ///   follows.
  /// - Throws: ``InfluenceError/invalidSetting(method:setting:reason:)`` of a pair without `=`, or a name
  ///   that is given twice.
  func settings(lastTaking greedy: Set<String>) throws(InfluenceError) -> [String: String] {
    var settings: [String: String] = [:]
    var left = rest[...]
    while !left.isEmpty {
      let pair = left.prefix { $0 != "," }
      var sides = pair.split(separator: "=", maxSplits: 1).map(String.init)
      if sides.count == 2, greedy.contains(sides[0]), sides[1].contains(":") {
        sides[1] = String(left.dropFirst(sides[0].count + 1))
        left = ""
      } else {
        left = left.dropFirst(pair.count + 1)
      }
      if pair.isEmpty { continue }
      guard sides.count == 2 else {
        throw .invalidSetting(method: name, setting: String(pair), reason: "write it as name=value")
      }
      guard settings.updateValue(sides[1], forKey: sides[0]) == nil else {
        throw .invalidSetting(method: name, setting: sides[0], reason: "it is given twice")
      }
    }
    return settings
  }
}
