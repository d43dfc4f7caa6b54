package import Reporting

/// What an experiment concludes: tables, pictures, sentences, and what must hold.
package struct ExperimentReport: Sendable {
  /// A table or a picture.
  package struct Exhibit<Content: Sendable>: Sendable {
    /// The name of its file, without ending.
    package let name: String
    package let caption: String
    package let content: Content
  }

  /// Something that must hold, loosely, if all is well.
  package struct Check: Sendable, Hashable {
    /// A sentence without a full stop.
    package let claim: String
    package let holds: Bool
    /// The numbers behind it.
    package let detail: String
  }

  /// The most important first.
  package private(set) var tables: [Exhibit<Table>] = []
  /// SVG documents, the most important first.
  package private(set) var pictures: [Exhibit<String>] = []
  /// What the numbers say, in sentences.
  package var findings: [String] = []
  package private(set) var checks: [Check] = []
  /// What a reader must know of the data: rows left out, queries without an order.
  package var warnings: [String] = []

  package init() {}

  package mutating func add(_ name: String, _ caption: String, _ table: Table) {
    tables.append(Exhibit(name: name, caption: caption, content: table))
  }

  package mutating func add(
    _ name: String, _ caption: String, _ picture: some Picture
  ) throws(PictureError) {
    pictures.append(Exhibit(name: name, caption: caption, content: try picture.svg()))
  }

  package mutating func check(_ claim: String, _ holds: Bool, detail: String) {
    checks.append(Check(claim: claim, holds: holds, detail: detail))
  }
}
