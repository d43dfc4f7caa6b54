/// A tree of byte strings, each with a number: finds a string, and all strings that a text begins with.
///
/// Children are found in one hash table over (node, byte), whose multiplier is drawn anew for each tree, so that no
/// file can be made whose strings collide.
struct TokenTrie: Sendable {
  /// The node of the empty string.
  static let root = 0

  /// The number of the string that ends at each node; -1 where none does.
  private var values: [Int32] = [-1]
  /// `node << 8 | byte`, plus 1 so that 0 marks a free slot; always a power of two of them.
  private var keys = [UInt64](repeating: 0, count: 64)
  private var children = [Int32](repeating: 0, count: 64)
  private let multiplier = UInt64.random(in: .min ... .max) | 1

  /// Adds a string.
  ///
  /// - Returns: False, and no change, where the string is there already.
  mutating func insert(_ bytes: some Sequence<UInt8>, value: Int) -> Bool {
    var node = Self.root
    for byte in bytes {
      let key = Self.key(node, byte)
      let slot = slot(of: key)
      if keys[slot] == key {
        node = Int(children[slot])
      } else {
        node = values.count
        values.append(-1)
        (keys[slot], children[slot]) = (key, Int32(node))
        if values.count * 2 > keys.count { grow() }
      }
    }
    guard values[node] < 0 else { return false }
    values[node] = Int32(value)
    return true
  }

  /// The number of the string that ends at a node.
  func value(at node: Int) -> Int? { values[node] < 0 ? nil : Int(values[node]) }

  /// The node that a byte leads to.
  func child(of node: Int, _ byte: UInt8) -> Int? {
    let slot = slot(of: Self.key(node, byte))
    return keys[slot] == 0 ? nil : Int(children[slot])
  }

  /// The node that a part of a text leads to from another node.
  func node(from start: Int = root, over text: [UInt8], _ range: Range<Int>) -> Int? {
    var node = start
    for index in range {
      guard let next = child(of: node, text[index]) else { return nil }
      node = next
    }
    return node
  }

  /// The number of the string that a part of a text is.
  func value(of text: [UInt8], _ range: Range<Int>) -> Int? {
    node(over: text, range).flatMap { value(at: $0) }
  }

  /// The longest string that a part of a text begins with, read from a node on.
  func longest(from start: Int = root, in text: [UInt8], _ range: Range<Int>)
    -> (value: Int, end: Int)?
  {
    var longest: (Int, Int)?
    eachPrefix(from: start, of: text, range) { longest = ($0, $1) }
    return longest
  }

  /// Calls `body` with the number and the end of each string that a part of a text begins with, shortest first.
  func eachPrefix(
    from start: Int = root, of text: [UInt8], _ range: Range<Int>, _ body: (Int, Int) -> Void
  ) {
    var node = start
    for index in range {
      guard let next = child(of: node, text[index]) else { return }
      node = next
      if let value = value(at: node) { body(value, index + 1) }
    }
  }

  private static func key(_ node: Int, _ byte: UInt8) -> UInt64 {
    UInt64(node) << 8 + UInt64(byte) + 1
  }

  /// Where a key stands, or the free slot where it would.
  private func slot(of key: UInt64) -> Int {
    let bits = keys.count.trailingZeroBitCount
    var slot = Int(truncatingIfNeeded: (key &* multiplier) >> UInt64(64 - bits))
    while keys[slot] != 0, keys[slot] != key { slot = (slot + 1) & (keys.count - 1) }
    return slot
  }

  private mutating func grow() {
    let (oldKeys, oldChildren) = (keys, children)
    keys = Array(repeating: 0, count: 2 * oldKeys.count)
    children = Array(repeating: 0, count: keys.count)
    for (key, child) in zip(oldKeys, oldChildren) where key != 0 {
      let slot = slot(of: key)
      (keys[slot], children[slot]) = (key, child)
    }
  }
}
