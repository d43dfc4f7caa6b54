public import Foundation
import Gradients
import LinearAlgebra
import OrderedCollections
import TensorFiles

extension Adapter {
  /// The file that holds the parameters.
  static let fileName = "adapter_model.safetensors"
  private static let elementTypes: [ElementType] = [.float32, .float16, .bfloat16]

  /// Opens a folder of PEFT, `adapter_config.json` and `adapter_model.safetensors`, and reads all parameters.
  ///
  /// A classifier of the folder may have any number of labels.
  ///
  /// - Parameters:
  ///   - folder: The folder.
  ///   - checkpoint: The model that the adapter was trained for.
  /// - Throws: ``AdapterError``, ``TransformerError`` for single keys and tensors (an adapter of another kind than LoRA,
  ///   or with settings that are not computed here, is refused by their names before any numbers are read), and
  ///   `TensorFileError` where a file cannot be read or is damaged.
  /// - Complexity: O(parameters).
  public init(opening folder: URL, for checkpoint: Checkpoint) throws {
    let files = FileManager.default
    let configurationURL = folder.appending(path: LoRAConfiguration.fileName)
    let weightsURL = folder.appending(path: Self.fileName)
    for url in [configurationURL, weightsURL] where !files.fileExists(atPath: url.path) {
      let hasPickle = files.fileExists(atPath: folder.appending(path: "adapter_model.bin").path)
      throw AdapterError.notAnAdapter(
        path: folder.path,
        found: "there is no \(url.lastPathComponent)"
          + (hasPickle ? " (adapter_model.bin is not read; PEFT can save it as safetensors)" : ""))
    }
    let configuration = try LoRAConfiguration(
      reading: configurationURL,
      storesTransposed: AdaptableModules(of: checkpoint, labelCount: 1).maps
        .contains(where: \.isStoredTransposed))
    let file = try SafetensorsFile(opening: weightsURL)
    _ = try file.verify()
    let modules = AdaptableModules(
      of: checkpoint, labelCount: Self.labelCount(in: file, for: checkpoint))
    try Self.requireModules(of: file, in: modules, family: checkpoint.configuration.family)
    let (maps, tensors) = Self.parts(of: try AdapterPlan(configuration, for: modules))
    let layout = Self.layout(modules: maps, tensors: tensors)
    let names = Set(layout.blocks.map(\.name))
    if let other = file.tensors.keys.first(where: { !names.contains($0) }) {
      throw AdapterError.unexpectedTensor(path: weightsURL.path, tensor: other)
    }
    self.init(
      modules: maps, tensors: tensors,
      parameters: try layout.blocks.map {
        try Self.parameter($0.name, shape: $0.shape, in: file)
      },
      configuration: configuration)
  }

  /// The rows of the classifier's last tensor in the file, or as many labels as the model has.
  private static func labelCount(in file: SafetensorsFile, for checkpoint: Checkpoint) -> Int {
    let labels = checkpoint.configuration.labels.count
    let head = AdaptableModules(of: checkpoint, labelCount: labels).head
    guard let last = head.last, let entry = file.tensors[prefix + last.name] else { return labels }
    return min(max(entry.shape.first ?? 1, 1), 1_000_000)
  }

  /// Refuses numbers for modules that the model does not have.
  private static func requireModules(
    of file: SafetensorsFile, in modules: AdaptableModules, family: String
  ) throws {
    let known = Set(
      (modules.maps.map(\.name) + modules.others
        + modules.head.map { AdaptableModules.module(of: $0.name) }).map { prefix + $0 })
    for name in file.tensors.keys {
      // What is trained of a module stands behind its name.
      let end = name.range(of: ".lora_")?.lowerBound ?? name.lastIndex(of: ".") ?? name.endIndex
      guard known.contains(String(name[..<end])) else {
        throw AdapterError.otherModel(path: file.map.path, tensor: name, family: family)
      }
    }
  }

  private static func parameter(
    _ name: String, shape: [Int], in file: SafetensorsFile
  ) throws -> Matrix<Float> {
    let path = file.map.path
    guard let entry = file.tensors[name] else {
      throw TransformerError.missingTensor(path: path, tensor: name, shape: shape)
    }
    guard entry.shape == shape else {
      throw TransformerError.wrongShape(
        path: path, tensor: name, expected: shape, found: entry.shape)
    }
    guard let type = entry.elementType, elementTypes.contains(type) else {
      throw TransformerError.unsupportedType(
        path: path, tensor: name, found: entry.elementTypeName,
        supported: elementTypes.compactMap(\.safetensorsName).joined(separator: ", "))
    }
    let matrix = try file.matrix(name, as: Float.self)
    if let place = matrix.elements.firstIndex(where: { !$0.isFinite }) {
      throw AdapterError.notFinite(path: path, tensor: name, row: place / matrix.columns)
    }
    return matrix
  }

  /// Writes the adapter as a folder that PEFT loads, the numbers in float32 with a checksum.
  ///
  /// Each of the two files appears whole or not at all, the configuration last.
  ///
  /// - Parameter folder: The folder; made where it does not exist. Other files in it stay.
  /// - Throws: `TensorFileError`, or an error of making the folder.
  /// - Complexity: O(parameters).
  public func write(to folder: URL) throws {
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    var writer = try SafetensorsWriter(
      at: folder.appending(path: Self.fileName),
      tensors: layout.blocks.map {
        .init(name: $0.name, elementType: .float32, shape: $0.shape)
      },
      metadata: ["format": "pt"], isSealed: true)
    for parameter in parameters { try writer.append(parameter) }
    try writer.commit()
    let json = configuration.json(targets: modules.map(\.name))
    try AtomicFile.write(
      json.serialized(.indented) + "\n", to: folder.appending(path: LoRAConfiguration.fileName))
  }
}
