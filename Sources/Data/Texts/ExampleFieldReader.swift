internal import OrderedCollections
internal import TensorFiles

/// Reads named fields of the examples of a file, and says in errors which rows lack them.
struct ExampleFieldReader {
  /// The most classes that integers can name.
  static let mostClasses = 1 << 16

  private let file: ExampleFile

  init(_ file: ExampleFile) { self.file = file }

  /// The texts under a field: strings, or integers as they are written.
  func texts(_ field: String) throws(DataFileError) -> [String] {
    try values(field) { json throws(DataFileError) in
      switch json {
      case .string(let text): text
      case .integer(let number): String(number)
      default: nil
      }
    }
  }

  /// The names under a field, all different.
  func ids(_ field: String) throws(DataFileError) -> [String] {
    let ids = try texts(field)
    var rows: [String: Int] = [:]
    for (row, id) in ids.enumerated() {
      if let first = rows.updateValue(row, forKey: id) {
        throw .repeatedID(path: file.path, row: row, field: field, id: id, firstRow: first)
      }
    }
    return ids
  }

  /// The classes under a field, and the names of all classes.
  func classes(
    _ field: String, names: [String]?
  ) throws(DataFileError) -> (labels: [Int], names: [String]) {
    let found = try values(field) { json throws(DataFileError) in
      switch json {
      case .string(let name): name
      case .integer(let number): String(number)
      case .number(let number): "\(number)"
      case .boolean(let value): value ? "1" : "0"
      default: nil
      }
    }
    let numbers = found.map(Int.init)
    if let names { return (try classes(found, numbers, field, among: names), names) }
    guard numbers.allSatisfy({ $0 != nil }) else {
      let names = Set(found).sorted()
      return (try classes(found, numbers.map { _ in nil }, field, among: names), names)
    }
    var largest = 1
    for (row, number) in numbers.enumerated() {
      guard let number, (0..<Self.mostClasses).contains(number) else {
        throw .wrongField(
          path: file.path, row: row, field: field,
          expected: "a class from 0 up to \(Self.mostClasses - 1), or a name", found: found[row])
      }
      largest = max(largest, number)
    }
    return (numbers.compactMap { $0 }, (0...largest).map(String.init))
  }

  private func classes(
    _ found: [String], _ numbers: [Int?], _ field: String, among names: [String]
  ) throws(DataFileError) -> [Int] {
    let places = Dictionary(zip(names, names.indices)) { first, _ in first }
    var classes: [Int] = []
    for (row, name) in found.enumerated() {
      let number = numbers[row].flatMap { names.indices.contains($0) ? $0 : nil }
      guard let place = places[name] ?? number else {
        let known = names.prefix(12).map(\.quoted).joined(separator: ", ")
        throw .wrongField(
          path: file.path, row: row, field: field,
          expected: "one of the \(names.count) classes \(known)\(names.count > 12 ? ", …" : "")",
          found: name)
      }
      classes.append(place)
    }
    return classes
  }

  private func values(
    _ field: String, _ read: (OrderedJSON) throws(DataFileError) -> String?
  ) throws(DataFileError) -> [String] {
    var values: [String] = []
    values.reserveCapacity(file.examples.count)
    for (row, example) in file.examples.enumerated() {
      guard let members = ExampleFile.members(of: example) else {
        throw .missingField(path: file.path, row: row, field: field, found: example.kind)
      }
      guard let json = members[field] else {
        throw .missingField(
          path: file.path, row: row, field: field,
          found: members.keys.prefix(12).map(\.quoted).joined(separator: ", "))
      }
      guard let value = try read(json) else {
        throw .wrongField(
          path: file.path, row: row, field: field, expected: "a string or an integer",
          found: json.kind)
      }
      values.append(value)
    }
    return values
  }
}
