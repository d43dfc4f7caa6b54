/// The words of texts, as searches for them take them: runs of letters and digits, without regard to capitals.
enum Words {
  /// The words of a text in their order.
  static func list(of text: String) -> [String] {
    text.lowercased().split { !($0.isLetter || $0.isNumber) }.map(String.init)
  }

  /// Whether a word says what a text is about, as far as that can be told: no word of two letters, and none of the
  /// English words that stand in any text.
  static func isContent(_ word: String) -> Bool { word.count > 2 && !frequent.contains(word) }

  private static let frequent = Set(
    """
    about above after again against all also always and any are aren because been before being below between both but can cannot \
    could couldn did didn does doesn doing don down during each even ever every few for from further get gets got had hadn has hasn \
    have haven having her here hers herself him himself his how however into isn its itself just let like made make many may might \
    more most much must myself never not now off once one only onto other our ours ourselves out over own per quite rather really \
    same shall she should shouldn since some still such than that the their theirs them themselves then there these they this those \
    though through too two under until upon very was wasn were weren what when where which while who whom whose why will with \
    within without won would wouldn yet you your yours yourself
    """.split(separator: " ").map(String.init))
}
