import Foundation
import LinearAlgebra
import OrderedCollections
import TensorFiles

/// What lies beside the gradients of a store, for methods that need more than gradients.
///
/// Opening a store's folder finds the files in it; ``GradientStore/with(_:)`` gives a store companions in
/// memory. A file is read, and checked against the store, when a method asks for it: before any scores are
/// computed, and not at all for methods that take the gradients alone.
public struct Companions: Sendable {
  /// What the model knows of its curvature.
  public var curvature: StoredCurvature?
  /// The examples' ids, one per row; nil where they are those of the store's own files.
  let exampleIDs: [String?]?
  /// What the files themselves remember of their making, where they have no manifest.
  var provenance: [String: String] = [:]
  private var representations: Held<Representations>?
  private var probabilities: Held<LabelProbabilities>?
  private var optimizer: Held<OptimizerMoments>?

  private enum Held<Value: Companion>: Sendable {
    case value(Value)
    /// A file, and what keeps it open once it was read; nil where it is read each time.
    case file(URL, OpenedOnce<Value>?)

    init?(in folder: URL, keepsOpen: Bool = false) {
      let url = folder.appending(path: Value.fileName)
      guard FileManager.default.fileExists(atPath: url.path) else { return nil }
      self = .file(url, keepsOpen ? OpenedOnce() : nil)
    }

    func read() throws -> Value {
      switch self {
      case .value(let value): value
      case .file(let url, let opened):
        try opened?.value { try Value(opening: url) } ?? Value(opening: url)
      }
    }
  }

  /// Takes companions from memory.
  ///
  /// - Parameters:
  ///   - curvature: What the model knows of its curvature.
  ///   - representations: What the last layer reads, one row per example.
  ///   - probabilities: The probability of each example's own class.
  ///   - optimizer: What the optimizer knew when the gradients were taken.
  ///   - exampleIDs: The examples' ids, one per row, nil for those that have none.
  public init(
    curvature: StoredCurvature? = nil, representations: Representations? = nil,
    probabilities: LabelProbabilities? = nil, optimizer: OptimizerMoments? = nil,
    exampleIDs: [String?]? = nil
  ) {
    self.curvature = curvature
    self.exampleIDs = exampleIDs
    self.representations = representations.map { .value($0) }
    self.probabilities = probabilities.map { .value($0) }
    self.optimizer = optimizer.map { .value($0) }
  }

  /// Finds what a folder holds of the model, curvature and optimizer, which is the same for all of the model's
  /// gradients.
  init(modelIn folder: URL, check: StoreCheck) throws {
    let url = folder.appending(path: StoredCurvature.fileName)
    self.init(
      curvature: FileManager.default.fileExists(atPath: url.path)
        ? try StoredCurvature(opening: url, check: check) : nil)
    // Mapped, and asked for by every block.
    optimizer = Held(in: folder, keepsOpen: true)
  }

  /// Finds what lies in a store's folder.
  init(besideStoreAt folder: URL, check: StoreCheck) throws {
    try self.init(modelIn: folder, check: check)
    representations = Held(in: folder)
    probabilities = Held(in: folder)
  }

  /// These, with another optimizer's moments.
  func with(optimizer: OptimizerMoments?) -> Companions {
    var companions = self
    companions.optimizer = optimizer.map { .value($0) }
    return companions
  }

  /// The companions of some of the rows.
  ///
  /// Curvature and optimizer are the whole model's and go along, and so do ids from memory. Representations and
  /// probabilities are of all rows and are left behind.
  subscript(rows range: Range<Int>) -> Companions {
    var part = Companions(curvature: curvature, exampleIDs: exampleIDs.map { Array($0[range]) })
    part.provenance = provenance
    part.optimizer = optimizer
    return part
  }

  /// These, with the ids and probabilities that came with the gradients themselves where no file has any.
  func filled(from other: Companions) -> Companions {
    var filled = Companions(curvature: curvature, exampleIDs: exampleIDs ?? other.exampleIDs)
    filled.representations = representations
    filled.probabilities = probabilities ?? other.probabilities
    filled.optimizer = optimizer
    filled.provenance = other.provenance
    return filled
  }

  /// The names of the files that hold any of these.
  var fileNames: [String] {
    var names: [String] = []
    if curvature?.isFile == true { names.append(StoredCurvature.fileName) }
    if case .file = representations { names.append(Representations.fileName) }
    if case .file = probabilities { names.append(LabelProbabilities.fileName) }
    if case .file = optimizer { names.append(OptimizerMoments.fileName) }
    return names
  }

  /// The probabilities that came with the gradients themselves, and are in no file of their own.
  var probabilitiesInMemory: LabelProbabilities? {
    guard case .value(let value) = probabilities else { return nil }
    return value
  }

  func readRepresentations() throws -> Representations? { try representations?.read() }
  func readProbabilities() throws -> LabelProbabilities? { try probabilities?.read() }
  func readOptimizer() throws -> OptimizerMoments? { try optimizer?.read() }

  /// How many features representations have; nil where there are none, or their file does not say.
  func representationWidth() throws -> Int? {
    switch representations {
    case nil: nil
    case .value(let value): value.features.columns
    case .file(let url, _):
      try SafetensorsFile(opening: url).tensors["features"]?.shape.dropFirst().first
    }
  }
}
