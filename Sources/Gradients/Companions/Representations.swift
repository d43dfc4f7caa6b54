public import Foundation
public import LinearAlgebra
import OrderedCollections
public import TensorFiles

/// What a model's last layer reads and says of examples: matrices in memory, or
/// `representations.safetensors` in the folder of a store, for methods that compare examples where the
/// model has reduced them to features.
///
/// All tensors have the example first, and are of floating point; labels may be integers:
/// - `features` (`n × d`): what the last layer reads;
/// - `labels` (n): the class of each example, a whole number from 0. In its place, the metadata may name the
///   class of each example in `labels`, and all classes in the order of the head's outputs in `classes`, both as
///   JSON arrays of strings. Of a model that tells no classes apart there are no labels, and `classes` is `[]`;
/// - `head` (`c × d`, or `c × (d + 1)` with the bias last): a last layer Θ at the minimum of
///   mean loss + (λ/2)·‖Θ‖², of training examples, optional;
/// - `output_gradients` (`n × c`): ∂ℓᵢ/∂φ of each example's own loss by the outputs φ = Θ·x of that layer,
///   of training examples, optional.
///
/// λ is the metadata's `regularization`.
public struct Representations: Companion {
  /// The file's name in a store's folder.
  public static let fileName = "representations.safetensors"

  /// A last layer at its penalised minimum, with what its representers are made of.
  public struct Head: Sendable {
    /// Θ, `c × d`, or `c × (d + 1)` where the layer has a bias, which is its last column.
    public var weights: Matrix<Double>
    /// ∂ℓᵢ/∂φ, `n × c`: of each example's own loss.
    public var outputGradients: Matrix<Double>
    /// λ of mean loss + (λ/2)·‖Θ‖², over the bias too.
    public var regularization: Double

    /// Makes a head of its parts.
    public init(
      weights: Matrix<Double>, outputGradients: Matrix<Double>, regularization: Double
    ) {
      self.weights = weights
      self.outputGradients = outputGradients
      self.regularization = regularization
    }
  }

  /// What to call them in messages: the file, if they are of one.
  public let source: String
  /// X, `n × d`.
  public let features: Matrix<Double>
  /// n classes, from 0; empty where ``isLabelled`` is false.
  public let labels: [Int]
  /// Whether the examples have classes: those of a model that predicts tokens have none.
  public let isLabelled: Bool
  /// The last layer at its minimum; nil where it was not stored.
  public let head: Head?

  /// The number of examples n.
  public var count: Int { features.rows }

  /// Takes representations from memory.
  ///
  /// - Parameters:
  ///   - source: What to call them in messages.
  ///   - features: `n × d`.
  ///   - labels: n classes.
  ///   - head: The last layer at its minimum.
  /// - Throws: ``GradientStoreError/unusableRepresentations(path:field:reason:)``.
  public init(
    source: String = "memory", features: Matrix<Double>, labels: [Int], head: Head? = nil
  ) throws(GradientStoreError) {
    self.source = source
    self.features = features
    self.labels = labels
    self.head = head
    isLabelled = true
    try check()
  }

  /// Takes representations of examples without classes from memory.
  ///
  /// - Parameters:
  ///   - source: What to call them in messages.
  ///   - features: `n × d`.
  /// - Throws: ``GradientStoreError/unusableRepresentations(path:field:reason:)``.
  public init(
    source: String = "memory", unlabelled features: Matrix<Double>
  ) throws(GradientStoreError) {
    self.init(checked: source, features, nil)
    try check()
  }

  /// Reads the file at a path, or that in the folder at a path.
  ///
  /// - Throws: `TensorFileError`, or
  ///   ``GradientStoreError/unusableRepresentations(path:field:reason:)``.
  /// - Complexity: Everything is read; 8 bytes per number.
  public init(opening url: URL) throws {
    let isFolder = (try? url.resourceValues(forKeys: [.isDirectoryKey]))?.isDirectory ?? false
    let place = isFolder ? url.appending(path: Self.fileName) : url
    guard !isFolder || FileManager.default.fileExists(atPath: place.path) else {
      throw Self.missing(besideStore: url.path)
    }
    let file = try SafetensorsFile(opening: place)
    _ = try file.verify()
    func problem(_ field: String, _ reason: String) -> GradientStoreError {
      .unusableRepresentations(path: place.path, field: field, reason: reason)
    }
    let labels = try Self.labels(in: file)
    if labels == nil, file.tensors["features"] != nil,
      try Self.names("classes", in: file)?.isEmpty == true
    {
      guard file.tensors["head"] == nil else {
        throw problem("head", "it is there although the examples have no classes; leave it out")
      }
      try self.init(source: place.path, unlabelled: try file.matrix("features"))
      try file.map.requireUnchanged()
      return
    }
    guard let labels, file.tensors["features"] != nil else {
      throw problem(
        labels == nil ? "labels" : "features",
        "the file does not hold it; write features (n × d) and labels (n) of every example")
    }
    var head: Head?
    if file.tensors["head"] != nil {
      guard file.tensors["output_gradients"] != nil,
        let penalty = file.metadata["regularization"].flatMap(Double.init)
      else {
        throw problem(
          "head", "output_gradients, or regularization in the metadata, is missing beside it")
      }
      head = Head(
        weights: try file.matrix("head"), outputGradients: try file.matrix("output_gradients"),
        regularization: penalty)
    }
    try self.init(
      source: place.path, features: try file.matrix("features"), labels: labels, head: head)
    try file.map.requireUnchanged()
  }

  private static func problem(_ reason: String, in file: SafetensorsFile) -> GradientStoreError {
    .unusableRepresentations(path: file.map.path, field: "labels", reason: reason)
  }

  /// A list of names in the metadata; nil where there is none.
  private static func names(_ key: String, in file: SafetensorsFile) throws -> [String]? {
    guard let text = file.metadata[key] else { return nil }
    let json = try? OrderedJSON(parsing: Array(text.utf8), path: file.map.path)
    let names = json?.array?.compactMap(\.string)
    guard let names, names.count == json?.array?.count else {
      throw problem("\(key) in the metadata is not a JSON array of strings", in: file)
    }
    return names
  }

  /// The classes in a file; nil where there are none.
  private static func labels(in file: SafetensorsFile) throws -> [Int]? {
    func problem(_ reason: String) -> GradientStoreError { Self.problem(reason, in: file) }
    guard file.tensors["labels"] != nil else {
      guard let labels = try names("labels", in: file) else { return nil }
      guard let classes = try names("classes", in: file), Set(classes).count == classes.count else {
        throw problem(
          "they are names, so that the metadata must name each class once in \"classes\", in the order of the head's outputs, and alike for training examples and queries"
        )
      }
      return try labels.enumerated().map { row, name in
        guard let label = classes.firstIndex(of: name) else {
          throw problem("row \(row) is \(name.quoted), which is not one of the classes")
        }
        return label
      }
    }
    if let labels = try file.integers("labels") { return labels }
    let numbers: Matrix<Double> = try file.matrix("labels")
    return try numbers.elements.enumerated().map { row, value in
      guard let label = Int(exactly: value), label >= 0 else {
        throw problem("number \(row) is \(value), which is no class: 0, 1, 2 …")
      }
      return label
    }
  }

  static func missing(besideStore path: String) -> GradientStoreError {
    .unusableRepresentations(
      path: path, field: fileName,
      reason:
        "there is no such file beside the gradients; store the representations of the same examples there"
    )
  }

  /// Some of the examples, without the head.
  ///
  /// - Parameter range: The rows of the examples.
  public subscript(rows range: Range<Int>) -> Representations {
    Representations(
      checked: source, Matrix(features.view[rows: range]), isLabelled ? Array(labels[range]) : nil)
  }

  private init(checked source: String, _ features: Matrix<Double>, _ labels: [Int]?) {
    self.source = source
    self.features = features
    self.labels = labels ?? []
    isLabelled = labels != nil
    head = nil
  }

  private func check() throws(GradientStoreError) {
    func problem(_ field: String, _ reason: String) -> GradientStoreError {
      .unusableRepresentations(path: source, field: field, reason: reason)
    }
    guard !isLabelled || labels.count == count else {
      throw problem("labels", "there are \(labels.count) for \(count) rows of features")
    }
    if let bad = labels.first(where: { $0 < 0 }) { throw problem("labels", "\(bad) is no class") }
    if let place = features.elements.firstIndex(where: { !$0.isFinite }) {
      throw problem("features", "row \(place / features.columns) holds NaN or infinite numbers")
    }
    guard let head else { return }
    guard
      head.weights.columns == features.columns || head.weights.columns == features.columns + 1
    else {
      throw problem(
        "head",
        "it has \(head.weights.columns) columns for \(features.columns) features; one a feature, and one for a bias"
      )
    }
    let (rows, classes) = (head.outputGradients.rows, head.outputGradients.columns)
    guard rows == count, classes == head.weights.rows else {
      throw problem(
        "output_gradients",
        "it is \(rows) × \(classes) where \(count) examples and a head of \(head.weights.rows) outputs ask for \(count) × \(head.weights.rows)"
      )
    }
    guard head.regularization > 0, head.regularization.isFinite else {
      throw problem("regularization", "it is \(head.regularization), and must be positive")
    }
    let numbers = head.weights.elements + head.outputGradients.elements
    guard numbers.allSatisfy(\.isFinite) else {
      throw problem("head", "it or its gradients hold NaN or infinite numbers")
    }
  }

  /// Writes the file into a folder, whole or not at all.
  ///
  /// - Parameters:
  ///   - folder: A store's folder.
  ///   - metadata: What to record beside the penalty.
  public func write(
    to folder: URL, metadata: [String: String] = [:]
  ) throws(TensorFileError) {
    var tensors = [("features", features)]
    var metadata = metadata
    if isLabelled {
      tensors.append(
        ("labels", Matrix(rows: count, columns: 1, elements: labels.map(Double.init))))
    } else {
      metadata["classes"] = "[]"
    }
    if let head {
      tensors += [("head", head.weights), ("output_gradients", head.outputGradients)]
      metadata["regularization"] = "\(head.regularization)"
    }
    var writer = try SafetensorsWriter(
      at: folder.appending(path: Self.fileName),
      tensors: tensors.map { name, matrix in
        .init(
          name: name, elementType: .float64,
          shape: name == "labels" ? [matrix.rows] : [matrix.rows, matrix.columns])
      },
      metadata: metadata.sortedByKey, isSealed: true)
    for (_, matrix) in tensors { try writer.append(matrix) }
    try writer.commit()
  }
}
