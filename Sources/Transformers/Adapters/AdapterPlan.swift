import TensorFiles

/// What a configuration chooses of a model's modules.
struct AdapterPlan {
  /// The maps that get a pair.
  let modules: [Architecture.Map]
  /// The tensors that are trained whole.
  let tensors: [ExpectedTensor]
  /// The rules that were applied.
  let rules: ModuleRules
  private let maps: [String]

  /// Applies the rules.
  ///
  /// - Throws: ``AdapterError`` where they choose nothing, or something that cannot be trained here.
  init(_ configuration: LoRAConfiguration, for available: AdaptableModules) throws {
    let rules = try ModuleRules(configuration)
    self.rules = rules
    maps = available.maps.map(\.name)
    tensors = try Self.tensors(of: configuration, in: available)
    modules = available.maps.filter { rules.targets($0.name) }
    if configuration.targets != .allLinear, let other = available.others.first(where: rules.targets)
    {
      throw AdapterError.notAMap(module: other)
    }
    guard !modules.isEmpty || (configuration.targets == .names([]) && !tensors.isEmpty) else {
      throw AdapterError.noMatch(targets: configuration.targets.text, maps: maps)
    }
  }

  private static func tensors(
    of configuration: LoRAConfiguration, in available: AdaptableModules
  ) throws -> [ExpectedTensor] {
    let head = available.head.map { AdaptableModules.module(of: $0.name) }
    let task: LoRAConfiguration.Task = head.isEmpty ? .languageModel : .classification
    if let wanted = configuration.task, wanted != task {
      throw AdapterError.noHead(
        setting: "task_type", found: wanted.rawValue, supported: task.rawValue)
    }
    let others = available.others + available.maps.map(\.name).filter { !head.contains($0) }
    for name in configuration.modulesToSave where !configuration.headNames.contains(name) {
      guard head.contains(where: { ModuleRules.isInside($0, name) }),
        !others.contains(where: { ModuleRules.isInside($0, name) })
      else {
        let names = Set(head).sorted().joined(separator: ", ")
        throw AdapterError.noHead(
          setting: "modules_to_save", found: name, supported: names.isEmpty ? "nothing" : names)
      }
    }
    let saved = configuration.modulesToSave + configuration.headNames
    return zip(available.head, head).filter { _, module in
      saved.contains { ModuleRules.isInside(module, $0) }
    }.map(\.0)
  }

  /// Refuses names that are those of no map, which would be left out in silence.
  func requireEachName(of configuration: LoRAConfiguration) throws {
    guard case .names(let names) = configuration.targets else { return }
    for name in names where !maps.contains(where: { $0 == name || $0.hasSuffix(".\(name)") }) {
      throw AdapterError.noMatch(targets: name.quoted, maps: maps)
    }
  }
}
