import Foundation
import OrderedCollections
import TensorFiles
import Testing

@Suite("Values as ordered JSON")
struct OrderedJSONCodingTests {
  enum Side: String, Codable { case left, right }

  struct Inner: Codable, Equatable {
    var zeta = 1.0
    var alpha = [1, 2]
    var side = Side.right
  }

  struct Outer: Codable, Equatable {
    var testAccuracy: Double
    var recall10: Int
    var L = true
    var given = "g"
    var absent: Double?
    @NullWhenNil var unknown: Double?
    var pairs: OrderedDictionary<String, Inner>
    var lists: [[Double?]]

    enum CodingKeys: String, CodingKey {
      case testAccuracy, recall10, L
      case given = "right-labels"
      case absent, unknown, pairs, lists
    }
  }

  static let outer = Outer(
    testAccuracy: 2, recall10: 3, absent: nil, unknown: nil,
    pairs: ["testAccuracy b": Inner(), "a": Inner(zeta: 0.5, alpha: [], side: .left)],
    lists: [[1, nil], []])
  static let text = """
    {"test_accuracy":2.0,"recall_10":3,"L":true,"right-labels":"g","unknown":null,\
    "pairs":{"testAccuracy b":{"zeta":1.0,"alpha":[1,2],"side":"right"},\
    "a":{"zeta":0.5,"alpha":[],"side":"left"}},"lists":[[1.0,null],[]]}
    """

  private func json(_ text: String) throws -> OrderedJSON {
    try OrderedJSON(parsing: Array(text.utf8))
  }

  @Test("Fields stand in the order of properties, keys of dictionaries in their own")
  func encoding() throws {
    #expect(try OrderedJSONEncoder().encode(Self.outer).serialized() == Self.text)
    let kebab = try OrderedJSONEncoder(names: .kebabCase).encode(Inner())
    #expect(kebab.object?.keys == ["zeta", "alpha", "side"])
    var known = Self.outer
    (known.absent, known.unknown) = (1, 4)
    let encoded = try OrderedJSONEncoder().encode(known)
    #expect(encoded["absent"] == 1.0 && encoded["unknown"] == 4.0)
  }

  @Test("What was written is read back, in one order and in another")
  func roundTrip() throws {
    #expect(try OrderedJSONDecoder().decode(Outer.self, from: json(Self.text)) == Self.outer)
    let members = try #require(try json(Self.text).object)
    let reversed = OrderedJSON.object(
      OrderedDictionary(uniqueKeysWithValues: members.elements.reversed()))
    #expect(try OrderedJSONDecoder().decode(Outer.self, from: reversed) == Self.outer)
  }

  @Test("An integer is a number, and a number no integer")
  func numbers() throws {
    #expect(try OrderedJSONDecoder().decode([Double].self, from: [1, 2.5]) == [1, 2.5])
    #expect(try OrderedJSONDecoder().decode([UInt8].self, from: [255]) == [255])
    for wrong: OrderedJSON in [[1.0], [256], ["1"], [nil], [true]] {
      #expect(
        throws: TensorFileError.invalidField(
          path: "JSON", field: "[0]", expected: "an integer", found: wrong.array?[0].kind ?? "")
      ) { try OrderedJSONDecoder().decode([UInt8].self, from: wrong) }
    }
    #expect(throws: EncodingError.self) { try OrderedJSONEncoder().encode(UInt64.max) }
  }

  @Test("Numbers that are not finite are kept, and refused by their field when they are written")
  func notFinite() throws {
    var value = Self.outer
    value.pairs["a"]?.zeta = .infinity
    let encoded = try OrderedJSONEncoder().encode(value)
    #expect(throws: TensorFileError.unwritableNumber(path: "JSON", field: "pairs.a.zeta")) {
      try encoded.serialized()
    }
  }

  @Test(
    "What the type does not say is refused by file and field",
    arguments: [
      (
        "\"zeta\":0.5,", "",
        TensorFileError.missingField(path: "cell.json", field: "values.pairs.a.zeta")
      ),
      (
        "0.5", "\"0.5\"",
        .invalidField(
          path: "cell.json", field: "values.pairs.a.zeta", expected: "a number", found: "a string")
      ),
      (
        "[1,2]", "[1,2.5]",
        .invalidField(
          path: "cell.json", field: "values.pairs.testAccuracy b.alpha[1]",
          expected: "an integer", found: "a number")
      ),
      (
        "\"left\"", "\"up\"",
        .invalidField(
          path: "cell.json", field: "values.pairs.a.side", expected: "a value of its kind",
          found: "\"up\"")
      ),
      (
        "\"unknown\":null,", "",
        .missingField(path: "cell.json", field: "values.unknown")
      ),
      (
        "[[1.0,null],[]]", "{}",
        .invalidField(
          path: "cell.json", field: "values.lists", expected: "an array", found: "an object")
      ),
    ])
  func damage(part: String, replacement: String, error: TensorFileError) throws {
    try #require(Self.text.contains(part))
    let damaged = try json(Self.text.replacingOccurrences(of: part, with: replacement))
    #expect(throws: error) {
      try OrderedJSONDecoder().decode(
        Outer.self, from: damaged, path: "cell.json", field: "values")
    }
  }

  /// Writes and reads through containers inside of containers.
  struct Manual: Codable, Equatable {
    var values: [Int]

    enum Keys: String, CodingKey { case outer, inner }

    init(values: [Int]) { self.values = values }

    init(from decoder: any Decoder) throws {
      let outer = try decoder.container(keyedBy: Keys.self)
      let inner = try outer.nestedContainer(keyedBy: Keys.self, forKey: .outer)
      var list = try inner.nestedUnkeyedContainer(forKey: .inner)
      values = []
      while !list.isAtEnd { values.append(try list.decodeNil() ? -1 : list.decode(Int.self)) }
    }

    func encode(to encoder: any Encoder) throws {
      var outer = encoder.container(keyedBy: Keys.self)
      var inner = outer.nestedContainer(keyedBy: Keys.self, forKey: .outer)
      var list = inner.nestedUnkeyedContainer(forKey: .inner)
      for value in values {
        if value < 0 { try list.encodeNil() } else { try list.encode(value) }
      }
    }
  }

  @Test("Containers inside of containers")
  func nested() throws {
    let value = Manual(values: [3, -1, 4])
    let encoded = try OrderedJSONEncoder().encode(value)
    #expect(encoded == ["outer": ["inner": [3, nil, 4]]])
    #expect(try OrderedJSONDecoder().decode(Manual.self, from: encoded) == value)
  }
}
