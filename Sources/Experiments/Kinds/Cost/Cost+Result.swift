internal import OrderedCollections

extension Cost {
  struct Result: Codable, Sendable {
    /// n.
    var examples: Int
    /// d of each block.
    var columns: Int
    /// L.
    var blocks: Int
    /// m.
    var queries: Int
    /// The operations that the plan of the run counts, by method and side.
    var operations: OrderedDictionary<String, Double> = [:]

    enum CodingKeys: String, CodingKey {
      case examples = "n"
      case columns = "d"
      case blocks = "L"
      case queries = "m"
      case operations
    }
  }

  /// What is measured at one size, by method and side.
  typealias Costs = OrderedDictionary<String, Measured>

  /// The measurements of one method on one side, one for each repeat.
  struct Measured: Codable, Sendable {
    var seconds: [Double] = []
    var processorSeconds: [Double] = []
    /// How far the memory of the process grew, in bytes; empty where the system does not tell.
    var memory: [Double] = []
    /// The memory that the plan of the run allows for, in bytes: one number.
    var plannedBytes: [Double]
  }
}
