import Foundation
import LinearAlgebra
import OrderedCollections
import TensorFiles

/// Kronecker factors of a model that kronfluence keeps in a folder `factors_NAME`.
///
/// Each file has a tensor for each layer: `activation_covariance` and `gradient_covariance`, which are sums over rows that a
/// layer reads, with the numbers of these rows (`num_…_processed`); `activation_eigenvectors` and `gradient_eigenvectors`, one
/// per column; and `lambda_matrix`, the sum over examples of squared gradients in that basis, outputs × inputs, with their
/// number. A layer with a bias has a last input that is always 1.
struct KronfluenceFactors: Sendable {
  static let arguments = "factor_arguments.json"

  private enum Part: String, CaseIterable {
    case activations = "activation_covariance"
    case activationCount = "num_activation_covariance_processed"
    case gradients = "gradient_covariance"
    case gradientCount = "num_gradient_covariance_processed"
    case activationVectors = "activation_eigenvectors"
    case gradientVectors = "gradient_eigenvectors"
    case moments = "lambda_matrix"
    case momentCount = "num_lambda_processed"

    var isCount: Bool { self == .activationCount || self == .gradientCount || self == .momentCount }
    var fileName: String { "\(rawValue).safetensors" }
    static let always: [Part] = [.activations, .activationCount, .gradients, .gradientCount]
    static let ofMoments: [Part] = [.activationVectors, .gradientVectors, .moments, .momentCount]
  }

  private let folder: URL
  private let files: [Part: SafetensorsFile]
  private let counts: [Part: [String: Int]]
  /// The layers, and the sizes of their inputs, with the one of a bias, and outputs.
  let layers: OrderedDictionary<String, (inputs: Int, outputs: Int)>
  /// Whether the labels are the data's; nil where that is not said.
  let isEmpirical: Bool?
  /// How many examples the covariances are of.
  let examples: Int
  /// Whether there are eigenvectors and second moments.
  let holdsMoments: Bool

  var path: String { folder.path }

  /// Opens a folder, and compares the shapes of all tensors with each other.
  ///
  /// - Throws: ``GradientStoreError/unusableCurvature(path:field:reason:)`` or an error of a file.
  init(opening folder: URL) throws {
    func unusable(_ field: String, _ reason: String) -> GradientStoreError {
      .unusableCurvature(path: folder.path, field: field, reason: reason)
    }
    let manager = FileManager.default
    func has(_ name: String) -> Bool {
      manager.fileExists(atPath: folder.appending(path: name).path)
    }
    guard has(Self.arguments) else {
      throw unusable(
        Self.arguments,
        "it is not there, so this is no folder of factors of kronfluence; give the folder factors_NAME of an analysis"
      )
    }
    let settings = try OrderedJSON(contentsOf: folder.appending(path: Self.arguments))
    let missing = Part.always.first { !has($0.fileName) }
    if let missing {
      let names = try manager.contentsOfDirectory(atPath: folder.path)
      throw unusable(
        missing.fileName,
        names.contains { $0.hasPrefix("\(Part.activations.rawValue)_data_partition") }
          ? "only partitions of it are there; let kronfluence aggregate them first"
          : "it is not there; fit the factors again with a strategy that has Kronecker factors")
    }
    let holdsMoments = Part.ofMoments.allSatisfy { has($0.fileName) }
    var files: [Part: SafetensorsFile] = [:]
    var counts: [Part: [String: Int]] = [:]
    for part in Part.always + (holdsMoments ? Part.ofMoments : []) {
      files[part] = try SafetensorsFile(opening: folder.appending(path: part.fileName))
    }
    let names = files[.activations]?.tensors.keys.elements ?? []
    guard !names.isEmpty else {
      throw unusable(Part.activations.fileName, "it has no layers; fit all factors again")
    }
    var layers: OrderedDictionary<String, (inputs: Int, outputs: Int)> = [:]
    for name in names {
      func shape(_ part: Part) throws -> [Int]? {
        guard let file = files[part] else { return nil }
        guard let shape = file.tensors[name]?.shape else {
          throw GradientStoreError.unusableCurvature(
            path: file.map.path, field: name,
            reason:
              "the layer is not there, but in \(Part.activations.fileName); fit all factors again")
        }
        return shape
      }
      func require(_ part: Part, _ expected: [Int]) throws {
        guard let found = try shape(part), found != expected else { return }
        throw GradientStoreError.unusableCurvature(
          path: folder.appending(path: part.fileName).path, field: name,
          reason: "it is of shape \(found), not \(expected); fit all factors again")
      }
      let inputs = try shape(.activations)?.first ?? 0
      let outputs = try shape(.gradients)?.first ?? 0
      for (part, expected) in [
        (Part.activations, [inputs, inputs]), (.gradients, [outputs, outputs]),
        (.activationVectors, [inputs, inputs]), (.gradientVectors, [outputs, outputs]),
        (.moments, [outputs, inputs]),
      ] { try require(part, expected) }
      for part in Part.allCases where part.isCount {
        guard let file = files[part] else { continue }
        _ = try shape(part)
        let values = try file.integers(name) ?? []
        guard values.count == 1, values[0] > 0 else {
          throw GradientStoreError.unusableCurvature(
            path: file.map.path, field: name,
            reason: "it is no number of rows from 1 up; fit all factors again")
        }
        counts[part, default: [:]][name] = values[0]
      }
      layers[name] = (inputs, outputs)
    }
    guard
      let examples = try Self.examples(in: folder, settings) ?? counts[.momentCount]?[names[0]]
    else {
      throw unusable(
        Part.momentCount.fileName,
        "nothing says of how many examples the factors are; let kronfluence fit its lambda matrices too"
      )
    }
    (self.folder, self.files, self.counts, self.layers) = (folder, files, counts, layers)
    (self.examples, self.holdsMoments) = (examples, holdsMoments)
    isEmpirical = settings["use_empirical_fisher"]?.boolean
  }

  /// How many examples covariances were computed of: all of the data set, or the most that were asked for.
  private static func examples(in folder: URL, _ settings: OrderedJSON) throws -> Int? {
    let names = try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
    guard
      let name = names.first(where: {
        $0.hasPrefix("covariance") && $0.hasSuffix("_dataset_metadata.json")
      }),
      case let json = try OrderedJSON(contentsOf: folder.appending(path: name)),
      let size = json["indices"]?.array?.count ?? json["dataset_size"]?.integer, size > 0
    else { return nil }
    return min(size, settings["covariance_max_examples"]?.integer ?? size)
  }

  /// The number of examples that second moments are of.
  var momentExamples: Int? { counts[.momentCount]?.values.first }

  /// A factor, basis or matrix of second moments of a layer, as `curvature.safetensors` has it.
  func matrix(_ part: KroneckerFactors.Part, of layer: String) throws(TensorFileError)
    -> Matrix<Double>
  {
    func read(_ part: Part) throws(TensorFileError) -> Matrix<Double> {
      guard let file = files[part] else { preconditionFailure("no file of \(part)") }
      return try file.matrix(layer)
    }
    func mean(_ part: Part, over count: Int) throws(TensorFileError) -> Matrix<Double> {
      let sum = try read(part)
      return Matrix(
        rows: sum.rows, columns: sum.columns, elements: sum.elements.map { $0 / Double(count) })
    }
    switch part {
    case .activations: return try mean(.activations, over: counts[.activationCount]?[layer] ?? 1)
    // The mean over examples of their sums over tokens, as elsewhere here.
    case .outputGradients: return try mean(.gradients, over: examples)
    case .activationBasis: return Matrix(try read(.activationVectors).transposed)
    case .outputBasis: return Matrix(try read(.gradientVectors).transposed)
    case .eigenvalues: return try mean(.moments, over: counts[.momentCount]?[layer] ?? 1)
    }
  }
}
