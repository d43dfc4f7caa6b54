import TensorFiles

/// Why an index of a training store could not be written or searched.
public enum IndexError: Error, Sendable, Equatable {
  /// A store that no index was written as.
  case notAnIndex(path: String)
  /// An index where gradients are asked for.
  case isAnIndex(path: String)
  /// What the index remembers is missing or wrong, or is not of the rows that are there.
  case invalidField(path: String, field: String, reason: String)
  /// The method's scores are divided by something of the query that an index does not hold.
  case dividesQueries(method: String)
  /// gᵀ·M·h and hᵀ·M·g differ for training gradients g and h.
  case notSymmetric(method: String, one: Double, other: Double)
  /// The store that candidates are scored from is not the one that the index was made of.
  case otherStore(path: String, store: String, field: String, recorded: String, found: String)
  /// No example has one of the keys that rows are chosen by.
  case unknownKey(path: String, key: String, known: [String])
  /// No example has the values that are asked for.
  case noRows(path: String, filter: String)
}

extension IndexError: CustomStringConvertible {
  /// What happened and what to do, in one line.
  public var description: String {
    switch self {
    case .notAnIndex(let path):
      "\(path): it is a store of gradients, and no index; write an index of it first"
    case .isAnIndex(let path):
      "\(path): it is an index, whose rows are no gradients; give the store that it was made of"
    case .invalidField(let path, let field, let reason):
      "\(path): field '\(field)' \(reason); write the index again"
    case .dividesQueries(let method):
      "method \(method) divides scores by what the curvature says of the query, which an index does not hold; choose a method that does not, or score with it directly"
    case .notSymmetric(let method, let one, let other):
      "method \(method) is not symmetric in the two gradients (\(one) one way, \(other) the other), so that no index can be made of it; choose another, raise the damping, or ask for a smaller tolerance"
    case .otherStore(let path, let store, let field, let recorded, let found):
      "\(path): \(store) is not the store that the index was made of, or has changed: \(field) was \(recorded) and is \(found); give that store, or write the index again"
    case .unknownKey(let path, let key, let known):
      known.isEmpty
        ? "\(path): nothing is known of the examples, so that none can be chosen by \(key.quoted); import the gradients with what is known of their examples, and write the index again"
        : "\(path): no example has a \(key.quoted), but \(known.joined(separator: ", ")); choose by one of these"
    case .noRows(let path, let filter):
      "\(path): no example has \(filter); look at the examples' values in examples.jsonl"
    }
  }
}
