internal import TensorFiles

/// The tokens of a tokenizer's model, numbered from 0 without a gap.
///
/// Tokens are told apart by their bytes: two spellings of one character are two tokens.
struct Vocabulary: Sendable {
  /// The most bytes that a token may have; the longest of known tokenizers have some hundred.
  static let longestToken = 4096

  /// The tokens as their file writes them.
  let tokens: [String]
  private let trie: TokenTrie

  /// Takes tokens in the order of their ids.
  ///
  /// - Throws: ``TokenizerError`` where there is none, one is there twice, or one is too long.
  init(_ tokens: [String], path: String) throws(TokenizerError) {
    guard !tokens.isEmpty else {
      throw .malformed(path: path, place: "the vocabulary", problem: "it has no tokens")
    }
    guard tokens.count < Int32.max else {
      throw .malformed(
        path: path, place: "the vocabulary", problem: "it has more than 2^31 - 2 tokens")
    }
    var trie = TokenTrie()
    for (id, token) in tokens.enumerated() {
      guard token.utf8.count <= Self.longestToken else {
        throw .malformed(
          path: path, place: "token \(id)",
          problem: "it has \(token.utf8.count) bytes where at most \(Self.longestToken) may be")
      }
      guard trie.insert(token.utf8, value: id) else {
        throw .malformed(
          path: path, place: "token \(id)",
          problem: "\(token.quoted) is there twice, with another id before")
      }
    }
    (self.tokens, self.trie) = (tokens, trie)
  }

  /// Takes tokens in any order, each with its id; every id from 0 to the largest must be there once.
  init(_ pairs: [(token: String, id: Int)], path: String) throws(TokenizerError) {
    var tokens = [String?](repeating: nil, count: pairs.count)
    for (token, id) in pairs {
      guard tokens.indices.contains(id) else {
        throw .malformed(
          path: path, place: "token \(token.quoted)",
          problem: "its id is \(id), but \(pairs.count) tokens have ids in 0 ..< \(pairs.count)")
      }
      if let other = tokens[id] {
        throw .malformed(
          path: path, place: "token \(token.quoted)",
          problem: "its id \(id) is that of \(other.quoted) too")
      }
      tokens[id] = token
    }
    try self.init(tokens.compactMap(\.self), path: path)
  }

  /// The id of a token.
  func id(of token: String) -> Int? {
    let bytes = Array(token.utf8)
    return trie.value(of: bytes, bytes.indices)
  }

  /// A tree of some of the tokens, as the bytes that `bytes` makes of them; nil leaves a token out.
  func tree(_ bytes: (_ id: Int, _ token: String) -> [UInt8]?) -> TokenTrie {
    var tree = TokenTrie()
    for (id, token) in tokens.enumerated() {
      if let bytes = bytes(id, token), !bytes.isEmpty { _ = tree.insert(bytes, value: id) }
    }
    return tree
  }

  /// The ids of the tokens `<0x00>` to `<0xFF>`, which stand for single bytes; nil for one that is not there.
  var byteTokens: [Int?] { (0...255).map { id(of: ByteToken.text(of: $0)) } }
}

/// The tokens by which SentencePiece spells characters that are in no token.
enum ByteToken {
  /// `<0x0A>` for 10.
  static func text(of byte: UInt8) -> String {
    let digits = String(byte, radix: 16, uppercase: true)
    return "<0x" + (digits.count < 2 ? "0" : "") + digits + ">"
  }

  /// The byte that a token stands for; nil for any other token.
  static func byte(of token: String) -> UInt8? {
    guard token.utf8.count == 6, token.hasPrefix("<0x"), token.hasSuffix(">") else { return nil }
    return UInt8(token.dropFirst(3).dropLast(), radix: 16)
  }
}
