/// A family of transformers: what its configurations say, and what its models are made of.
///
/// A type without values, in a file of its own; ``FamilyCatalog`` lists them.
package protocol ModelFamily: Sendable {
  /// The family's name, which ``ModelConfiguration/family`` has.
  static var name: String { get }
  /// The values of `model_type` in `config.json` that mean the family.
  static var modelTypes: [String] { get }
  /// The names in `architectures` that are read: classes of Hugging Face's transformers.
  static var architectures: [String] { get }
  /// What all names of the body begin with.
  ///
  /// Checkpoints of the body alone leave it out.
  static var prefix: String { get }
  /// What names of heads begin with, which never have the prefix.
  static var headNames: [String] { get }
  /// How GGUF files have the family; nil where they do not.
  static var gguf: GGUFLayout? { get }

  /// Reads a configuration.
  ///
  /// - Throws: ``TransformerError``; anything that is not computed here is refused by its name.
  static func configuration(_ keys: ConfigurationKeys) throws -> ModelConfiguration

  /// What a model of that configuration is made of.
  static func architecture(_ configuration: ModelConfiguration) -> Architecture
}

extension ModelFamily {
  /// The tensors outside of layers.
  package static func tensors(_ configuration: ModelConfiguration) -> [ExpectedTensor] {
    architecture(configuration).tensors
  }

  /// The tensors of one layer.
  package static func tensors(
    _ configuration: ModelConfiguration, layer: Int
  ) -> [ExpectedTensor] {
    architecture(configuration).tensors(layer: layer)
  }
}
