import InfluenceKit

/// The methods as `--help` lists them.
enum MethodHelp {
  /// The methods on gradients, one per line.
  ///
  /// Made once: every command's help holds it, and is made whenever any command starts.
  static let methods = list(EstimatorCatalog.names, EstimatorCatalog.summaries)

  /// The methods on representations, for the commands that take them.
  static let representationMethods = list(
    RepresentationCatalog.names, RepresentationCatalog.summaries)

  private static func list(_ names: [String], _ summaries: [String: String]) -> String {
    names.map { name in
      let summary = Advice.withOptions(summaries[name] ?? "")
      return "  \(name)\(String(repeating: " ", count: max(0, 18 - name.count)))\(summary)"
    }.joined(separator: "\n")
  }
}
