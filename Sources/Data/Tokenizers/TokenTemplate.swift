/// What special tokens stand around one text, or around two.
struct TokenTemplate: Sendable {
  /// A part of what is made.
  enum Part: Equatable, Sendable {
    /// Special tokens, with their type id.
    case tokens([Int], type: Int)
    /// All tokens of the first text (0) or of the second (1), with their type id.
    case text(Int, type: Int)
  }

  /// What is made of one text.
  let single: [Part]
  /// What is made of two.
  let pair: [Part]

  /// The texts alone.
  static let bare = TokenTemplate(
    single: [.text(0, type: 0)], pair: [.text(0, type: 0), .text(1, type: 1)])

  /// `[CLS] A [SEP]`, and `[CLS] A [SEP] B [SEP]` whose second part has type 1.
  static func bert(start: Int, end: Int) -> TokenTemplate {
    let single: [Part] = [.tokens([start], type: 0), .text(0, type: 0), .tokens([end], type: 0)]
    return TokenTemplate(
      single: single, pair: single + [.text(1, type: 1), .tokens([end], type: 1)])
  }

  /// `<s> A </s>`, and `<s> A </s></s> B </s>`; all types are 0.
  static func roberta(start: Int, end: Int) -> TokenTemplate {
    let single: [Part] = [.tokens([start], type: 0), .text(0, type: 0), .tokens([end], type: 0)]
    return TokenTemplate(
      single: single,
      pair: single + [.tokens([end], type: 0), .text(1, type: 0), .tokens([end], type: 0)])
  }

  /// A token before each text, and one behind it, where there are such.
  static func around(start: Int?, end: Int?) -> TokenTemplate {
    func parts(_ text: Int) -> [Part] {
      let around = [start, end].map { $0.map { [Part.tokens([$0], type: text)] } ?? [] }
      return around[0] + [.text(text, type: text)] + around[1]
    }
    return TokenTemplate(single: parts(0), pair: parts(0) + parts(1))
  }

  /// The parts for so many texts.
  func parts(isPair: Bool) -> [Part] { isPair ? pair : single }

  /// How many special tokens are in the result for so many texts.
  func specialCount(isPair: Bool) -> Int {
    parts(isPair: isPair).reduce(0) {
      if case .tokens(let ids, _) = $1 { $0 + ids.count } else { $0 }
    }
  }
}
