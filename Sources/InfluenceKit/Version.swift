/// The library's version.
public enum InfluenceKitVersion {
  /// As in CHANGELOG.md.
  public static let current = "0.1.0"
}
