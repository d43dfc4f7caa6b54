public import Reporting

/// What an experiment concludes: tables, pictures, sentences, and what must hold.
public struct ExperimentReport: Sendable {
  /// A table with its name and caption.
  public struct NamedTable: Sendable {
    /// The name of its file, without ending.
    public let name: String
    /// What stands above it.
    public let caption: String
    /// The numbers.
    public let table: Table
    /// Whether it holds times or memory, which differ from run to run.
    public let isCost: Bool

    /// Names a table.
    public init(_ name: String, caption: String, _ table: Table, isCost: Bool = false) {
      self.name = name
      self.caption = caption
      self.table = table
      self.isCost = isCost
    }
  }

  /// A picture with its name and caption.
  public struct NamedPicture: Sendable {
    /// The name of its file, without ending.
    public let name: String
    /// What stands below it.
    public let caption: String
    /// The picture as SVG.
    public let svg: String
    /// Whether it shows times or memory, which differ from run to run.
    public let isCost: Bool

    /// Names a picture.
    public init(_ name: String, caption: String, svg: String, isCost: Bool = false) {
      self.name = name
      self.caption = caption
      self.svg = svg
      self.isCost = isCost
    }
  }

  /// Something that must hold, loosely, if all is well.
  public struct Check: Sendable, Hashable {
    /// What must hold, as a sentence without a full stop.
    public let claim: String
    /// Whether it does.
    public let holds: Bool
    /// The numbers behind it.
    public let detail: String

    /// Says whether something holds.
    public init(_ claim: String, _ holds: Bool, detail: String) {
      self.claim = claim
      self.holds = holds
      self.detail = detail
    }
  }

  /// The tables, most important first.
  public var tables: [NamedTable]
  /// The pictures, most important first.
  public var pictures: [NamedPicture]
  /// What the numbers say, in sentences.
  public var findings: [String]
  /// What must hold.
  public var checks: [Check]
  /// What a reader must know of the data: rows left out, queries without an order.
  public var warnings: [String]

  /// Collects the parts.
  public init(
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
