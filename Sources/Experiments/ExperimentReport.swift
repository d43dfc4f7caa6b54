package import Reporting

/// What an experiment concludes: tables, pictures, sentences, and what must hold.
package struct ExperimentReport: Sendable {
  /// A table with its name and caption.
  package struct NamedTable: Sendable {
    /// The name of its file, without ending.
    package let name: String
    /// What stands above it.
    package let caption: String
    /// The numbers.
    package let table: Table
    /// Whether it holds times or memory, which differ from run to run.
    package let isCost: Bool

    /// Names a table.
    package init(_ name: String, caption: String, _ table: Table, isCost: Bool = false) {
      self.name = name
      self.caption = caption
      self.table = table
      self.isCost = isCost
    }
  }

  /// A picture with its name and caption.
  package struct NamedPicture: Sendable {
    /// The name of its file, without ending.
    package let name: String
    /// What stands below it.
    package let caption: String
    /// The picture as SVG.
    package let svg: String
    /// Whether it shows times or memory, which differ from run to run.
    package let isCost: Bool

    /// Names a picture.
    package init(_ name: String, caption: String, svg: String, isCost: Bool = false) {
      self.name = name
      self.caption = caption
      self.svg = svg
      self.isCost = isCost
    }
  }

  /// Something that must hold, loosely, if all is well.
  package struct Check: Sendable, Hashable {
    /// What must hold, as a sentence without a full stop.
    package let claim: String
    /// Whether it does.
    package let holds: Bool
    /// The numbers behind it.
    package let detail: String

    /// Says whether something holds.
    package init(_ claim: String, _ holds: Bool, detail: String) {
      self.claim = claim
      self.holds = holds
      self.detail = detail
    }
  }

  /// The tables, most important first.
  package var tables: [NamedTable]
  /// The pictures, most important first.
  package var pictures: [NamedPicture]
  /// What the numbers say, in sentences.
  package var findings: [String]
  /// What must hold.
  package var checks: [Check]
  /// What a reader must know of the data: rows left out, queries without an order.
  package var warnings: [String]

  /// Collects the parts.
  package init(
    tables: [NamedTable] = [], pictures: [NamedPicture] = [], findings: [String] = [],
    checks: [Check] = [], warnings: [String] = []
  ) {
    self.tables = tables
    self.pictures = pictures
    self.findings = findings
    self.checks = checks
    self.warnings = warnings
  }
}
