/// The rules by which PEFT chooses modules and their ranks, ready to be asked.
struct ModuleRules {
  private let configuration: LoRAConfiguration
  /// What is trained whole, which gets no pair.
  private let saved: [String]
  private let targets: Choice
  private let exclusions: Choice
  private let ranks: [(pattern: NamePattern, value: Int)]
  private let alphas: [(pattern: NamePattern, value: Double)]

  /// A set of modules.
  private enum Choice {
    case names([String])
    case pattern(NamePattern)
    case all

    init(_ targets: LoRAConfiguration.Targets, setting: String) throws {
      switch targets {
      case .names(let names): self = .names(names)
      case .pattern(let text): self = .pattern(try ModuleRules.pattern(text, setting: setting))
      case .allLinear: self = .all
      }
    }

    func contains(_ module: String) -> Bool {
      switch self {
      case .names(let names): names.contains { module == $0 || module.hasSuffix(".\($0)") }
      case .pattern(let pattern): pattern.matches(module)
      case .all: true
      }
    }
  }

  /// Reads the expressions of a configuration.
  ///
  /// - Throws: ``AdapterError/invalidPattern(setting:pattern:problem:)``.
  init(_ configuration: LoRAConfiguration) throws {
    self.configuration = configuration
    saved = configuration.modulesToSave + configuration.headNames
    targets = try Choice(configuration.targets, setting: "target_modules")
    exclusions = try Choice(configuration.exclusions, setting: "exclude_modules")
    ranks = try configuration.rankPattern.map {
      (try Self.pattern($0, setting: "rank_pattern", isEnding: true), $1)
    }
    alphas = try configuration.alphaPattern.map {
      (try Self.pattern($0, setting: "alpha_pattern", isEnding: true), $1)
    }
  }

  private static func pattern(
    _ text: String, setting: String, isEnding: Bool = false
  ) throws -> NamePattern {
    do throws(PatternRefusal) {
      let pattern = try NamePattern(text)
      return isEnding ? try NamePattern("(.*\\.)?(\(text))") : pattern
    } catch {
      throw AdapterError.invalidPattern(setting: setting, pattern: text, problem: error.problem)
    }
  }

  /// Whether a module is, or is part of, one that a name means.
  static func isInside(_ module: String, _ name: String) -> Bool {
    ".\(module).".contains(".\(name).")
  }

  /// Whether a module is to get a pair.
  func targets(_ module: String) -> Bool {
    guard targets.contains(module), !exclusions.contains(module) else { return false }
    guard !saved.contains(where: { Self.isInside(module, $0) }) else { return false }
    guard case .names(let names) = targets, let layers = configuration.layers,
      !names.contains(module)
    else { return true }
    return layer(of: module).map(layers.contains) ?? false
  }

  /// The first number in a name that stands between dots, two words from the beginning or after one of the names.
  private func layer(of module: String) -> Int? {
    let words = module.split(separator: ".", omittingEmptySubsequences: false)
    func number(_ place: Int) -> Int? {
      guard place + 1 < words.count, words[place].utf8.allSatisfy({ (48...57).contains($0) })
      else { return nil }
      return Int(words[place])
    }
    guard !configuration.layerNames.isEmpty else {
      return words.indices.dropFirst(2).lazy.compactMap(number).first
    }
    for name in configuration.layerNames {
      let places = words.indices.dropFirst().filter { words[$0 - 1] == name }
      if let layer = places.lazy.compactMap(number).first { return layer }
    }
    return nil
  }

  /// The rank of a module's pair.
  func rank(of module: String) -> Int {
    ranks.first { $0.pattern.matches(module) }?.value ?? configuration.rank
  }

  /// What the pair of a module is multiplied by.
  func scale(of module: String) -> Double {
    let alpha = alphas.first { $0.pattern.matches(module) }?.value ?? configuration.alpha
    let rank = Double(rank(of: module))
    return alpha / (configuration.usesRankStabilizedScale ? rank.squareRoot() : rank)
  }
}
