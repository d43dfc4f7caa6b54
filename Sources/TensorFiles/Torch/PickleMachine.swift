/// Runs the pickle of a `.pt` file: the opcodes that tensors, containers and plain values need, and no others.
///
/// Containers lie in one array and name each other by their places in it, so that neither cycles nor depth cost anything before
/// ``PickleTree`` looks at what came of them.
struct PickleMachine {
  /// The pickle, and the next byte of it.
  private let bytes: [UInt8]
  private var place = 0
  /// Where the pickle begins in the file, for errors.
  private let offset: Int

  private var storages: TorchStorages
  private var stack: [PickleItem] = []
  /// How high the stack was at each mark.
  private var marks: [Int] = []
  private var memo: [Int: PickleItem] = [:]
  private var containers: [PickleContainer] = []

  init(bytes: [UInt8], offset: Int, storages: TorchStorages) {
    self.bytes = bytes
    self.offset = offset
    self.storages = storages
  }

  private var path: String { storages.archive.map.path }

  /// What the pickle makes.
  ///
  /// - Throws: ``TensorFileError``, with the byte of the file at which it cannot be followed.
  mutating func run() throws(TensorFileError) -> TorchValue {
    guard bytes.count > 2, bytes[0] == 0x80 else { throw malformed("no pickle begins here", 0) }
    guard (2...3).contains(bytes[1]) else {
      throw unsupported("a pickle of protocol \(bytes[1])", 0)
    }
    while true {
      let start = place
      if try step(byte(), at: start) { break }
    }
    guard stack.count == 1, marks.isEmpty, let item = stack.first else {
      throw malformed("the pickle ends with \(stack.count) values instead of one", place)
    }
    var tree = PickleTree(
      containers: containers, path: path, offset: offset, mostValues: bytes.count)
    return try tree.value(of: item)
  }

  /// Follows one opcode; true for the one that ends the pickle.
  private mutating func step(_ code: UInt8, at start: Int) throws(TensorFileError) -> Bool {
    switch code {
    case 0x80: _ = try byte()
    case UInt8(ascii: "."): return true
    case UInt8(ascii: "("): marks.append(stack.count)
    case UInt8(ascii: "}"): push(.dictionary([]))
    case UInt8(ascii: "]"): push(.list([]))
    case UInt8(ascii: ")"): push(.tuple([]))
    case UInt8(ascii: "N"): stack.append(.none)
    case 0x88: stack.append(.boolean(true))
    case 0x89: stack.append(.boolean(false))
    case UInt8(ascii: "K"): stack.append(.integer(Int(try byte())))
    case UInt8(ascii: "M"): stack.append(.integer(Int(try integer(UInt16.self))))
    case UInt8(ascii: "J"): stack.append(.integer(Int(try integer(Int32.self))))
    case 0x8A: stack.append(try longInteger())
    case UInt8(ascii: "G"):
      stack.append(.number(Double(bitPattern: try integer(UInt64.self).byteSwapped)))
    case UInt8(ascii: "X"): stack.append(.text(try text(count: integer(UInt32.self))))
    case UInt8(ascii: "q"): try remember(Int(byte()), start)
    case UInt8(ascii: "r"): try remember(Int(integer(UInt32.self)), start)
    case UInt8(ascii: "h"): try recall(Int(byte()), start)
    case UInt8(ascii: "j"): try recall(Int(integer(UInt32.self)), start)
    case 0x85...0x87: push(.tuple(try pop(Int(code - 0x84), start)))
    case UInt8(ascii: "t"): push(.tuple(try popToMark(start)))
    case UInt8(ascii: "a"): try append(pop(1, start), start)
    case UInt8(ascii: "e"): try append(popToMark(start), start)
    case UInt8(ascii: "s"): try set(pop(2, start), start)
    case UInt8(ascii: "u"): try set(popToMark(start), start)
    case UInt8(ascii: "c"): stack.append(.callable(try callable(start)))
    case UInt8(ascii: "Q"): stack.append(try storage(of: pop(1, start)[0], start))
    case UInt8(ascii: "R"):
      let call = try pop(2, start)
      try reduce(call[0], arguments: items(of: call[1], start), start)
    case UInt8(ascii: "b"):
      // What a state dictionary says of itself beside its tensors.
      _ = try pop(1, start)
      guard case .container(let top)? = stack.last, case .dictionary = containers[top] else {
        throw unsupported("an object of a class of its own", start)
      }
    default: throw unsupported("the opcode 0x\(String(code, radix: 16, uppercase: true))", start)
    }
    return false
  }

  // MARK: The stack and the memo

  private mutating func push(_ container: PickleContainer) {
    containers.append(container)
    stack.append(.container(containers.count - 1))
  }

  /// The last `count` values, the first of them first.
  private mutating func pop(_ count: Int, _ start: Int) throws(TensorFileError) -> [PickleItem] {
    guard stack.count - (marks.last ?? 0) >= count else {
      throw malformed("the stack has too few values", start)
    }
    defer { stack.removeLast(count) }
    return Array(stack.suffix(count))
  }

  private mutating func popToMark(_ start: Int) throws(TensorFileError) -> [PickleItem] {
    guard let mark = marks.popLast() else { throw malformed("there is no mark", start) }
    defer { stack.removeSubrange(mark...) }
    return Array(stack[mark...])
  }

  private mutating func remember(_ key: Int, _ start: Int) throws(TensorFileError) {
    guard let top = stack.last else { throw malformed("the stack is empty", start) }
    memo[key] = top
  }

  private mutating func recall(_ key: Int, _ start: Int) throws(TensorFileError) {
    guard let item = memo[key] else { throw malformed("nothing was kept as \(key)", start) }
    stack.append(item)
  }

  // MARK: Containers

  private mutating func append(_ items: [PickleItem], _ start: Int) throws(TensorFileError) {
    guard case .container(let top)? = stack.last, case .list(var list) = containers[top] else {
      throw malformed("there is no list to add to", start)
    }
    containers[top] = .list([])
    list += items
    containers[top] = .list(list)
  }

  private mutating func set(_ items: [PickleItem], _ start: Int) throws(TensorFileError) {
    guard case .container(let top)? = stack.last, case .dictionary(var members) = containers[top],
      items.count.isMultiple(of: 2)
    else { throw malformed("there is no dictionary to add to", start) }
    containers[top] = .dictionary([])
    members += items
    containers[top] = .dictionary(members)
  }

  private func items(of item: PickleItem, _ start: Int) throws(TensorFileError) -> [PickleItem] {
    guard case .container(let place) = item, case .tuple(let items) = containers[place] else {
      throw malformed("there is no tuple where one must be", start)
    }
    return items
  }

  private func integers(of item: PickleItem, _ start: Int) throws(TensorFileError) -> [Int] {
    var numbers: [Int] = []
    for item in try items(of: item, start) {
      guard case .integer(let number) = item else {
        throw malformed("a shape holds something that is no integer", start)
      }
      numbers.append(number)
    }
    return numbers
  }

  // MARK: Names, storages and tensors

  private mutating func callable(_ start: Int) throws(TensorFileError) -> PickleCallable {
    let (module, name) = (try line(start), try line(start))
    if module == "torch", let type = TorchStorages.TorchType(className: name) { return .type(type) }
    guard let known = PickleCallable(module: module, name: name) else {
      throw unsupported("\("\(module).\(name)".quoted)", start)
    }
    return known
  }

  /// What a persistent id stands for: `('storage', type, key, location, count)`.
  private func storage(of item: PickleItem, _ start: Int) throws(TensorFileError) -> PickleItem {
    let parts = try items(of: item, start)
    guard parts.count == 5, case .text("storage") = parts[0],
      case .callable(.type(let type)) = parts[1],
      case .text(let key) = parts[2], case .integer(let count) = parts[4]
    else { throw malformed("a storage is described otherwise than PyTorch does", start) }
    return .storage(try storages.storage(key: key, type: type, count: count))
  }

  private mutating func reduce(
    _ function: PickleItem, arguments: [PickleItem], _ start: Int
  ) throws(TensorFileError) {
    switch function {
    case .callable(.orderedDictionary) where arguments.isEmpty: push(.dictionary([]))
    case .callable(.size) where arguments.count == 1: stack.append(arguments[0])
    case .callable(.rebuildTensor) where arguments.count >= 4:
      guard case .storage(let storage) = arguments[0], case .integer(let first) = arguments[1]
      else {
        throw malformed("a tensor is described otherwise than PyTorch does", start)
      }
      stack.append(
        .tensor(
          try storages.tensor(
            of: storage, offset: first, shape: integers(of: arguments[2], start),
            strides: integers(of: arguments[3], start))))
    case .callable(.rebuildParameter) where !arguments.isEmpty:
      guard case .tensor = arguments[0] else { throw malformed("a parameter is no tensor", start) }
      stack.append(arguments[0])
    default: throw malformed("a call has the wrong arguments", start)
    }
  }

  // MARK: Bytes

  private mutating func byte() throws(TensorFileError) -> UInt8 {
    guard place < bytes.count else { throw malformed("the pickle has no end", place) }
    defer { place += 1 }
    return bytes[place]
  }

  private mutating func take(_ count: Int) throws(TensorFileError) -> ArraySlice<UInt8> {
    guard count <= bytes.count - place else {
      throw malformed("\(count) bytes are needed, and the pickle ends before", place)
    }
    defer { place += count }
    return bytes[place..<place + count]
  }

  private mutating func integer<Number: FixedWidthInteger>(
    _ type: Number.Type
  ) throws(TensorFileError) -> Number {
    try take(Number.bitWidth / 8).reversed().reduce(0) { $0 << 8 | Number(truncatingIfNeeded: $1) }
  }

  /// An integer of any number of bytes; one that needs more than eight is only good for being left out.
  private mutating func longInteger() throws(TensorFileError) -> PickleItem {
    let digits = try take(Int(byte()))
    guard digits.count <= 8 else { return .longInteger }
    let isNegative = digits.last.map { $0 >= 0x80 } ?? false
    return .integer(digits.reversed().reduce(isNegative ? -1 : 0) { $0 << 8 | Int($1) })
  }

  private mutating func text(count: UInt32) throws(TensorFileError) -> String {
    let start = place
    guard let text = String(validating: try take(Int(count)), as: UTF8.self) else {
      throw .invalidUTF8(path: path, offset: offset + start)
    }
    return text
  }

  /// What stands before the next line feed.
  private mutating func line(_ start: Int) throws(TensorFileError) -> String {
    guard let end = bytes[place...].prefix(512).firstIndex(of: UInt8(ascii: "\n")) else {
      throw malformed("a name has no end", start)
    }
    defer { place = end + 1 }
    return String(decoding: bytes[place..<end], as: UTF8.self)
  }

  private func malformed(_ problem: String, _ start: Int) -> TensorFileError {
    .malformedArchive(path: path, offset: offset + start, problem: "data.pkl: " + problem)
  }

  private func unsupported(_ found: String, _ start: Int) -> TensorFileError {
    .unsupportedPickle(path: path, offset: offset + start, found: found)
  }
}
