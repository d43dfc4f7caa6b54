/// Reads the vocabularies of llama2.c: the greatest length of a token, then for each its score, length and bytes.
///
/// Numbers have 32 bits and are little-endian. Spaces stand for themselves. Token 0 is for unknown characters, 1
/// is the beginning and 2 the end of a text.
enum Llama2CFile {
  static func read(_ bytes: [UInt8], path: String) throws(TokenizerError) -> TokenizerArrays {
    var arrays = TokenizerArrays(path: path, tokens: [])
    var position = 0
    func malformed(_ problem: String) -> TokenizerError {
      .malformed(path: path, place: "token \(arrays.tokens.count)", problem: problem)
    }
    func word() throws(TokenizerError) -> UInt32 {
      guard bytes.count - position >= 4 else { throw malformed("the file ends within it") }
      defer { position += 4 }
      return (0..<4).reduce(0) { $0 | UInt32(bytes[position + $1]) << (8 * UInt32($1)) }
    }
    let longest = try word()
    while position < bytes.count {
      arrays.scores.append(Float(bitPattern: try word()))
      let length = try word()
      guard length <= longest else {
        throw malformed("it has \(length) bytes where the longest is to have \(longest)")
      }
      guard Int(length) <= bytes.count - position else {
        throw malformed("it has \(length) bytes, and \(bytes.count - position) are left")
      }
      let text = bytes[position..<position + Int(length)]
      guard let token = String(validating: text, as: UTF8.self) else {
        throw malformed("its text is not UTF-8")
      }
      let id = arrays.tokens.count
      arrays.kinds.append(
        id == 0 ? .unknown : id < 3 ? .control : ByteToken.byte(of: token) == nil ? .normal : .byte)
      arrays.tokens.append(token)
      position += Int(length)
    }
    guard arrays.tokens.count > 2 else {
      throw malformed("the file ends before the three special tokens")
    }
    (arrays.start, arrays.mark) = (1, " ")
    return arrays
  }
}
