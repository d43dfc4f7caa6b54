/// A method that is chosen by name and may have settings: `cg:steps=50,tolerance=0.001`.
///
/// A method declares its settings once, as data. How they are read, checked, recorded and listed by help
/// follows from the declarations.
public protocol ConfigurableMethod: Sendable {
  /// The name on the command line and in files, such as `datainf`.
  static var name: String { get }
  /// What the method is, in one line without its settings.
  static var summary: String { get }
  /// Formula, source and cost; nil where the method does not say.
  static var page: MethodPage? { get }
  /// The settings beside the damping, in the order in which help lists them.
  static var declaredSettings: [MethodSetting<Self>] { get }
  /// Makes the method with every setting at its default.
  init()
  /// Refuses combinations of settings that are fine one by one; refuses nothing unless implemented.
  ///
  /// - Throws: ``InfluenceError/invalidSetting(method:setting:reason:)``.
  func validateTogether() throws(InfluenceError)
}

/// One setting of a method.
public struct MethodSetting<Method>: Sendable {
  /// Finds the method that a value names, for settings that are methods themselves.
  typealias Resolver = (String) throws(InfluenceError) -> any ConfigurableMethod

  /// Why a text is not a value of a setting.
  struct Problem: Error {
    let reason: String
  }

  /// The name, as in `steps=50`.
  public let name: String
  /// How help shows it, such as `steps=N`; empty where the usage of another setting names it too.
  public let usage: String
  /// Whether the value is a method, whose own settings are the rest of a specification.
  let isMethod: Bool
  /// Takes a value out of a text.
  let read: @Sendable (_ text: String, _ method: inout Method, Resolver) throws -> Void
  /// The value as it is recorded and can be read again; nil where it is not recorded.
  let text: @Sendable (Method) -> String?
  /// What is wrong with the value; nil where nothing is.
  let problem: @Sendable (Method) -> String?
}

/// A setting as `influence methods` lists it.
public struct DescribedSetting: Sendable, Hashable {
  /// Its name.
  public let name: String
  /// How it is given, such as `steps=N`.
  public let usage: String
  /// The value that is recorded; nil where none is.
  public let value: String?
}

extension ConfigurableMethod {
  /// The settings beside the damping, with their values.
  public var describedSettings: [DescribedSetting] {
    Self.declaredSettings.map {
      DescribedSetting(
        name: $0.name, usage: $0.usage.isEmpty ? "\($0.name)=…" : $0.usage, value: $0.text(self))
    }
  }

  /// Nil: the method says nothing of itself beside the summary.
  public static var page: MethodPage? { nil }
  /// Empty: the method has no settings.
  public static var declaredSettings: [MethodSetting<Self>] { [] }
  /// The settings have nothing to refuse together.
  public func validateTogether() throws(InfluenceError) {}

  /// The name on the command line and in files, such as `datainf`.
  public var name: String { Self.name }

  /// The settings beside the damping, by name, as they are recorded with scores.
  public var settings: [String: String] {
    var settings: [String: String] = [:]
    for setting in Self.declaredSettings { settings[setting.name] = setting.text(self) }
    return settings
  }

  /// The text from which the catalog makes this method again.
  public var specification: String { MethodSpecification(name, settings).text }

  /// Refuses settings that no store could be scored with.
  ///
  /// - Throws: ``InfluenceError/invalidSetting(method:setting:reason:)``.
  public func validateSettings() throws(InfluenceError) {
    for setting in Self.declaredSettings {
      if let reason = setting.problem(self) {
        throw .invalidSetting(method: name, setting: setting.name, reason: reason)
      }
    }
    try validateTogether()
  }

  /// The summary, with what can be set: the line of help.
  static var help: String {
    let usages = declaredSettings.map(\.usage).filter { !$0.isEmpty }
    return usages.isEmpty ? summary : "\(summary); \(usages.joined(separator: ", "))"
  }

  /// Makes the method of a specification, and checks it.
  ///
  /// - Parameters:
  ///   - specification: Its name must be the method's.
  ///   - resolve: Finds the method that a setting names.
  /// - Throws: ``InfluenceError/invalidSetting(method:setting:reason:)``.
  static func reading(
    _ specification: MethodSpecification, resolve: MethodSetting<Self>.Resolver
  ) throws(InfluenceError) -> Self {
    let methodNames = declaredSettings.filter(\.isMethod).map(\.name)
    var given = try specification.settings(lastTaking: Set(methodNames))
    var method = Self()
    for setting in declaredSettings {
      guard let text = given.removeValue(forKey: setting.name) else { continue }
      do {
        try setting.read(text, &method, resolve)
      } catch let problem as MethodSetting<Self>.Problem {
        throw .invalidSetting(method: name, setting: setting.name, reason: problem.reason)
      } catch let error as InfluenceError {
        throw error
      } catch {
        preconditionFailure("\(name): reading a setting throws nothing else: \(error)")
      }
    }
    if let left = given.keys.min() {
      throw .invalidSetting(method: name, setting: left, reason: "the method has no such setting")
    }
    try method.validateSettings()
    return method
  }
}
