import Foundation
import InfluenceKit

/// What a page says of where it comes from.
enum ReportFacts {
  /// The command line, as it was typed.
  static var command: [String] { ["influence"] + CommandLine.arguments.dropFirst() }

  /// Versions of what computes.
  static var versions: [(name: String, value: String)] {
    [
      ("InfluenceKit", InfluenceKitVersion.current),
      ("linear algebra", LinearAlgebraBackend.description),
      ("system", ProcessInfo.processInfo.operatingSystemVersionString),
      ("threads", "\(Parallelism.threads)"),
    ]
  }

  /// A store in words: where it is, what it holds, its checksum.
  static func store(_ name: String, _ store: GradientStore) throws -> (name: String, value: String)
  {
    let record = try store.record()
    let checksum = (record["crc32c"] ?? record["crc32c_as_recorded"])?.string
    // Files of many shards have as many checksums.
    let shown = checksum.map { $0.count > 120 ? String($0.prefix(120)) + "…" : $0 }
    return (
      name,
      "\(Console.shortened(store.name)): \(Counted(store.count, "row")), \(Counted(store.layout.columnCount, "column")), \(record["dtype"]?.string ?? "")"
        + (shown.map { ", CRC-32C \($0)" } ?? "")
    )
  }

  /// What decides results beside the stores.
  static func options(_ options: CurvatureOptions) -> [(name: String, value: String)] {
    [
      ("damping", "λ = \(words(options.damping))"),
      ("precision of products", options.precision.rawValue),
    ]
  }

  /// A damping as people read it.
  static func words(_ damping: Damping) -> String {
    switch damping {
    case .relative(let share): "\(share) · mean eigenvalue of each block"
    case .absolute(let value): "\(value)"
    }
  }
}
