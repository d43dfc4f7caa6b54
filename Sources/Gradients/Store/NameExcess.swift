import TensorFiles

/// What the names of some blocks have more than those of others: a beginning, a part between dots, or both.
///
/// Adapters are named so: a model in PEFT's hands has `base_model.model.` before each name, and the adapter's own name
/// (`lora_A.default.weight`), which its saved files have not.
struct NameExcess: Sendable, Equatable {
  /// The beginning; empty for none.
  var prefix = ""
  /// The part, without its dots; empty for none.
  var part = ""

  /// A name without the beginning and the first such part, as far as it has them.
  func shortened(_ name: String) -> String {
    withoutPart(name.hasPrefix(prefix) ? String(name.dropFirst(prefix.count)) : name)
  }

  /// Whether a name has such a part: any but the first between dots.
  func hasPart(_ name: String) -> Bool { withoutPart(name) != name }

  private func withoutPart(_ name: String) -> String {
    guard !part.isEmpty else { return name }
    // A part may have dots of its own.
    let (marked, wanted) = (name + ".", "." + part + ".")
    guard let range = marked.firstRange(of: wanted) else { return name }
    return String((marked[..<range.lowerBound] + "." + marked[range.upperBound...]).dropLast())
  }

  init(prefix: String = "", part: String = "") {
    self.prefix = prefix
    self.part = part
  }

  /// What all names of some blocks have more than those of others, which they are otherwise, by shape too.
  ///
  /// - Returns: Nil where the names differ in other ways, or not at all.
  init?(
    of blocks: [(name: String, shape: [Int])], over others: [(name: String, shape: [Int])]
  ) {
    guard blocks.count == others.count, let first = blocks.first else { return nil }
    let shapes = Dictionary(uniqueKeysWithValues: others.map { ($0.name, $0.shape) })
    func fits(_ excess: NameExcess) -> Bool {
      var met: Set<String> = []
      return blocks.allSatisfy { block in
        let short = excess.shortened(block.name)
        return block.name.hasPrefix(excess.prefix) && shapes[short] == block.shape
          && met.insert(short).inserted
      }
    }
    guard !fits(NameExcess()) else { return nil }
    var parts: [String] = [""]
    for block in blocks {
      for part in block.name.split(separator: ".").dropFirst() where !parts.contains(String(part)) {
        parts.append(String(part))
      }
    }
    for part in parts {
      let short = NameExcess(part: part).shortened(first.name)
      let prefixes = others.lazy.map(\.name).filter { short.hasSuffix($0) }
        .map { String(short.dropLast($0.count)) }
      for prefix in prefixes {
        let excess = NameExcess(prefix: prefix, part: part)
        if fits(excess) {
          self = excess
          return
        }
      }
    }
    return nil
  }

  /// What is different, and whose names should change, as one sentence without a full stop.
  func sentence(of long: String, over short: String) -> String {
    var (what, remedy) = ("\(prefix.quoted) at the beginning", "take that away")
    if !part.isEmpty {
      let inner = "the part \(part.quoted) between dots"
      (what, remedy) =
        prefix.isEmpty
        ? (inner, "take that part away") : ("\(what) and \(inner)", "take both away")
    }
    return
      "the blocks of \(long) are named as those of \(short), but for \(what); \(remedy) from the names of \(long)"
  }
}
