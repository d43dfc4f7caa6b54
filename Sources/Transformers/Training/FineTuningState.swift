package import Foundation
internal import LinearAlgebra
package import OrderedCollections
internal import TensorFiles

/// What a training needs to go on where it was, as a file.
///
/// A sealed `.safetensors` file: parameters and both moments of AdamW as 32-bit floats, and as metadata the progress and
/// what the training is of. It appears whole or not at all. Orders of texts and dropout follow from the number of the
/// step, so that there is no generator to keep.
package struct FineTuningState: Sendable, Equatable {
  /// What the file is called.
  package static let fileName = "training-state.safetensors"

  /// How far the training has come.
  package let progress: FineTuningProgress
  /// The adapter's parameters.
  package let parameters: [[Float]]
  /// AdamW's mean gradients.
  package let firstMoments: [[Float]]
  /// AdamW's mean squared gradients.
  package let secondMoments: [[Float]]

  private static let kinds = ["parameter", "first_moment", "second_moment"]

  package init(
    progress: FineTuningProgress, parameters: [[Float]], firstMoments: [[Float]],
    secondMoments: [[Float]]
  ) {
    self.progress = progress
    self.parameters = parameters
    self.firstMoments = firstMoments
    self.secondMoments = secondMoments
  }

  /// Writes the file.
  ///
  /// - Parameters:
  ///   - url: Where; an earlier file is replaced.
  ///   - names: The names of the parameters.
  ///   - identity: What the training is of, by what it is called in errors.
  /// - Throws: `TensorFileError` where the file cannot be written.
  package func write(
    to url: URL, names: [String], identity: OrderedDictionary<String, String>
  ) throws {
    let lists = zip(Self.kinds, [parameters, firstMoments, secondMoments]).flatMap { kind, lists in
      zip(names, lists).map { (name: "\(kind).\($0)", numbers: $1) }
    }
    var metadata = identity
    metadata["progress"] = try OrderedJSONEncoder().encode(progress).serialized(path: url.path)
    var writer = try SafetensorsWriter(
      at: url,
      tensors: lists.map {
        .init(name: $0.name, elementType: .float32, shape: [$0.numbers.count])
      }, metadata: metadata, isSealed: true)
    for list in lists { try writer.append(list.numbers.span) }
    try writer.commit()
  }

  /// Reads a file that is of the same training.
  ///
  /// - Parameters:
  ///   - url: Where it is.
  ///   - names: The names of the parameters.
  ///   - sizes: How many numbers each of them has.
  ///   - plan: The steps of the training.
  ///   - identity: What the training is of, as ``write(to:names:identity:)`` was given it.
  /// - Throws: ``FineTuningError`` where the file is of another training, or is none that was written here;
  ///   `TensorFileError` where it is damaged.
  package init(
    opening url: URL, names: [String], sizes: [Int], plan: FineTuningPlan,
    identity: OrderedDictionary<String, String>
  ) throws {
    let file = try SafetensorsFile(opening: url)
    guard try file.verify(), let text = file.metadata["progress"] else {
      throw FineTuningError.damagedState(
        path: url.path, reason: "it is not the state of a training")
    }
    for (what, found) in identity where file.metadata[what] != found {
      throw FineTuningError.otherTraining(
        path: url.path, what: what, recorded: file.metadata[what] ?? "not recorded", found: found)
    }
    let json = try OrderedJSON(parsing: Array(text.utf8), path: url.path)
    progress = try OrderedJSONDecoder().decode(FineTuningProgress.self, from: json, path: url.path)
    guard progress.fits(plan) else {
      throw FineTuningError.damagedState(
        path: url.path, reason: "its progress is of no step of this training")
    }
    func lists(_ kind: String) throws -> [[Float]] {
      try zip(names, sizes).map { name, size in
        guard let shape = file.tensors["\(kind).\(name)"]?.shape, shape == [size] else {
          throw FineTuningError.otherTraining(
            path: url.path, what: "adapter", recorded: "one without \(size) numbers in \(name)",
            found: "one with them")
        }
        return try file.matrix("\(kind).\(name)", as: Float.self).elements
      }
    }
    parameters = try lists(Self.kinds[0])
    firstMoments = progress.step == 0 ? [] : try lists(Self.kinds[1])
    secondMoments = progress.step == 0 ? [] : try lists(Self.kinds[2])
  }
}
