import OrderedCollections

/// Follows what a pickle made from its one value down, as far as a file can have meant it.
///
/// A list that holds itself, or the same list again and again, would have no end: depth and number of values are bounded.
struct PickleTree {
  let containers: [PickleContainer]
  let path: String
  let offset: Int
  /// The most values; a file that writes each of them out has as many bytes at least.
  let mostValues: Int

  private static let mostDepth = 32
  private var valueCount = 0

  init(containers: [PickleContainer], path: String, offset: Int, mostValues: Int) {
    self.containers = containers
    self.path = path
    self.offset = offset
    self.mostValues = mostValues
  }

  mutating func value(of item: PickleItem, depth: Int = 0) throws(TensorFileError) -> TorchValue {
    valueCount += 1
    guard depth <= Self.mostDepth, valueCount <= mostValues else {
      throw malformed(
        "its containers hold each other, or are more than \(Self.mostDepth) deep")
    }
    switch item {
    case .tensor(let tensor): return .tensor(tensor)
    case .container(let place):
      switch containers[place] {
      case .tuple(let items), .list(let items):
        var values: [TorchValue] = []
        for item in items { values.append(try value(of: item, depth: depth + 1)) }
        return .list(values)
      case .dictionary(let items):
        var members: OrderedDictionary<String, TorchValue> = [:]
        for index in stride(from: 0, to: items.count, by: 2) {
          let key = try key(items[index])
          let value = try value(of: items[index + 1], depth: depth + 1)
          guard members.updateValue(value, forKey: key) == nil else {
            throw malformed("the key \(key.quoted) stands in a dictionary twice")
          }
        }
        return .dictionary(members.map { ($0.key, $0.value) })
      }
    case .none: return .plain("None")
    case .boolean(let value): return .plain(value ? "True" : "False")
    case .integer(let number): return .plain("\(number)")
    case .longInteger: return .plain("a long integer")
    case .number(let number): return .plain("\(number)")
    case .text(let text): return .plain(text)
    case .callable, .storage: throw malformed("a value is a name or a storage and no tensor")
    }
  }

  private func key(_ item: PickleItem) throws(TensorFileError) -> String {
    switch item {
    case .text(let text): return text
    case .integer(let number): return "\(number)"
    default: throw malformed("a key is neither a text nor an integer")
    }
  }

  private func malformed(_ problem: String) -> TensorFileError {
    .malformedArchive(path: path, offset: offset, problem: "data.pkl: " + problem)
  }
}
