import Foundation
import TensorFiles

/// What bergson's `config.yaml` beside an index says of how its gradients were made.
struct BergsonOrigin {
  private static let configuration = "config.yaml"
  private static let processing = "processor_config.yaml"
  /// A file of more bytes is no configuration.
  private static let mostBytes = 1 << 20

  /// Values by the last two keys that lead to them: `index_cfg.loss_fn`.
  private let values: [String: String]

  /// Whether bergson has begun to write a folder's index and not finished: what it writes last is missing.
  static func isUnfinished(_ folder: URL) -> Bool {
    let files = FileManager.default
    return files.fileExists(atPath: folder.appending(path: configuration).path)
      && !files.fileExists(atPath: folder.appending(path: processing).path)
  }

  /// What is known of an index, and what is not.
  static func origin(of folder: URL) throws -> StoreOrigin {
    let url = folder.appending(path: configuration)
    guard FileManager.default.fileExists(atPath: url.path), let file = try BergsonOrigin(url)
    else {
      return StoreOrigin(
        tool: "bergson, or another tool in its layout", known: [],
        unknown: [
          "whether rows are normalised, preconditioned or projected",
          "of which loss of which model",
        ])
    }
    return StoreOrigin(
      tool: "bergson", known: file.facts, unknown: ["which weights the model's path held"])
  }

  private init?(_ url: URL) throws {
    let map = try MemoryMap(opening: url)
    guard map.count <= Self.mostBytes else { return nil }
    let text = String(decoding: try map.bytes(in: 0..<map.count), as: UTF8.self)
    var values: [String: String] = [:]
    var path: [(indent: Int, key: Substring)] = []
    for line in text.split(separator: "\n") {
      let indent = line.prefix { $0 == " " || $0 == "-" }.count
      guard let colon = line.dropFirst(indent).firstIndex(of: ":") else { continue }
      path.removeAll { $0.indent >= indent }
      let key = line.dropFirst(indent)[..<colon]
      let value = line[line.index(after: colon)...].drop { $0 == " " }
      if let parent = path.last?.key, !value.isEmpty {
        values["\(parent).\(key)"] = value.trimmingCharacters(in: ["'", "\""])
      }
      path.append((indent, key))
    }
    self.values = values
  }

  private func value(_ key: String) -> String? {
    values[key].flatMap { ["", "null"].contains($0) ? nil : $0 }
  }

  private var facts: [String] {
    var facts: [String] = []
    if let model = value("index_cfg.model") {
      let reduction = value("index_cfg.loss_reduction") ?? "unknown"
      facts.append(
        "of the loss \(value("index_cfg.loss_fn") ?? "") (\(reduction) over tokens) of \(model.legible)"
      )
    }
    let width = value("index_cfg.projection_dim").flatMap { Int($0) } ?? 0
    let kind = value("index_cfg.projection_type") ?? "unknown"
    facts.append(
      width > 0
        ? "projected (\(kind), \(width), seed \(value("index_cfg.projection_seed") ?? "not given"))"
        : "not projected")
    facts.append(
      value("preprocess_cfg.unit_normalize") == "true"
        ? "every row has length 1" : "rows are not normalised")
    facts.append(
      value("preprocess_cfg.hessian_path").map { "preconditioned with \($0.legible)" }
        ?? "not preconditioned")
    if let state = value("index_cfg.optimizer_state") {
      facts.append("divided by the optimizer's moments in \(state.legible)")
    }
    if let aggregation = value("preprocess_cfg.aggregation"), aggregation != "none" {
      facts.append("rows are aggregated (\(aggregation))")
    }
    return facts
  }
}
