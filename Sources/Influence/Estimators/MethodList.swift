/// Several methods in one text, as command lines and files list them: `exact,cg:steps=5,tolerance=0.1`.
public enum MethodList {
  /// Splits a list of methods at its commas, but not at those between the settings of one method.
  ///
  /// A part that assigns a setting belongs to the method before it: its first `=` does not stand after a `:`. So
  /// `relatif-l:base=cg:tolerance=1e-1,exact` is two methods, and a setting may name a method with a setting of its own,
  /// also as the second: `a:b=1,base=cg:steps=5` is one.
  ///
  /// - Parameter text: Methods with commas between them.
  /// - Returns: One specification per method, as ``EstimatorCatalog/estimator(_:)`` takes them; not checked, so that an
  ///   empty part is an empty name.
  public static func specifications(in text: String) -> [String] {
    var methods: [String] = []
    for part in text.split(separator: ",", omittingEmptySubsequences: false).map(String.init) {
      if isSetting(part), let last = methods.popLast() {
        methods.append("\(last),\(part)")
      } else {
        methods.append(part)
      }
    }
    return methods
  }

  /// The methods of several lists, one after the other.
  public static func specifications(in texts: [String]) -> [String] {
    texts.flatMap { specifications(in: $0) }
  }

  private static func isSetting(_ part: String) -> Bool {
    guard let equals = part.firstIndex(of: "=") else { return false }
    guard let colon = part.firstIndex(of: ":") else { return true }
    return equals < colon
  }
}
