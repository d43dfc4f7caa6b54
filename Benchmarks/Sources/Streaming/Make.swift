import ArgumentParser
import Foundation
import InfluenceKit

/// `Streaming make`: seeded stores, written in bounded memory.
struct Make: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Makes seeded stores; goes on with one that was interrupted.",
    discussion: """
      wide: n = 30,000, D = 100,000 in 25 blocks, 64 queries: 12 GB. glue: n = 4,500, 48 blocks of 4,096 \
      columns and one of 2,048, 500 queries: 3.6 GB. cg: n = 30,000, 8 blocks of 4,096 columns, \
      16 queries: 3.9 GB. Each is a folder with the stores train and query.

        Streaming make wide --directory /data/streaming
        Streaming make wide --directory /tmp/small --rows 2500
      """)

  enum Kind: String, ExpressibleByArgument, CaseIterable { case wide, glue, cg }

  @Argument(help: "wide, glue or cg.") var kind: Kind
  @Option(help: "Where the folder of the store goes.") var directory: String
  @Option(help: "Training rows n.") var rows: Int?
  @Option(help: "Queries m.") var queries: Int?
  @Option(help: "Blocks; of glue without the narrow one.") var blocks: Int?
  @Option(help: "Columns of each block.") var columns: Int?
  @Option(help: "Seed.") var seed: UInt64 = 1

  func validate() throws {
    guard [rows, queries, blocks, columns].allSatisfy({ ($0 ?? 1) > 0 }), (columns ?? 2) > 1 else {
      throw ValidationError("numbers of rows, queries, blocks and columns are positive")
    }
  }

  func run() throws {
    let shape =
      switch kind {
      case .wide: (rows: 30_000, queries: 64, blocks: 25, columns: 4_000)
      case .glue: (rows: 4_500, queries: 500, blocks: 48, columns: 4_096)
      case .cg: (rows: 30_000, queries: 16, blocks: 8, columns: 4_096)
      }
    let width = columns ?? shape.columns
    let widths =
      [Int](repeating: width, count: blocks ?? shape.blocks) + (kind == .glue ? [width / 2] : [])
    let layout = BlockLayout(widths.enumerated().map { ("block.\($0)", [$1]) })
    let model = kind == .wide ? SpectrumModel.plain : .fixture
    let folder = URL(filePath: directory).appending(path: kind.rawValue)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    let directions = try Parallelism.map(widths.count) { [seed] in
      model.directions(columns: widths[$0], block: $0, seed: seed)
    }
    for (name, count, side) in [
      ("train", rows ?? shape.rows, UInt64(0)), ("query", queries ?? shape.queries, 1),
    ] {
      try write(
        to: folder.appending(path: name), rows: count, side: side, layout: layout, model: model,
        directions: directions)
    }
  }

  /// Writes chunks of about 64 MB, each committed, so that an interrupted run loses one of them.
  private func write(
    to store: URL, rows: Int, side: UInt64, layout: BlockLayout, model: SpectrumModel,
    directions: [Matrix<Float>]
  ) throws {
    let provenance = [
      "benchmark": "streaming-1", "kind": kind.rawValue, "seed": "\(seed)", "rows": "\(rows)",
    ]
    let clock = ContinuousClock()
    let start = clock.now
    let found = try? GradientStore(opening: store, allowingIncomplete: true)
    if let found {
      guard let manifest = found.manifests.first ?? nil, found.layout == layout,
        manifest.provenance == provenance
      else {
        throw ValidationError(
          "\(store.path) holds another store; remove it or choose another folder")
      }
      if manifest.isComplete { return print("\(store.path): \(found.count) rows, made before") }
    }
    let writer =
      found == nil
      ? try GradientStoreWriter(creating: store, layout: layout, provenance: provenance)
      : try GradientStoreWriter(resuming: store)
    // Chunks of one size are made, whatever n is, so that fewer rows are the first ones of more.
    let chunk = max(1, (64 << 20) / (4 * layout.columnCount))
    while writer.count < rows {
      let first = writer.count
      let size = min(chunk, rows - first)
      let matrices = try Parallelism.map(layout.count) { [seed] block in
        model.rows(
          chunk, directions: directions[block], block: block,
          stream: 1 << 40 | side << 36 | UInt64(first), seed: seed
        ).prefix(rows: size)
      }
      try writer.append(matrices)
      try writer.commit()
    }
    try writer.finish()
    let bytes = Double(rows * layout.columnCount * 4)
    let elapsed = (clock.now - start) / .seconds(1)
    print(
      String(
        format: "%@: %d rows × %d columns, %.2f GB in %.1f s", store.path, rows,
        layout.columnCount, bytes / 1e9, elapsed))
  }
}
