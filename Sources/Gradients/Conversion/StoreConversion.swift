public import Foundation
import LinearAlgebra
public import TensorFiles

/// Writes the gradients of any store in a layout that some tool reads, in bounded memory.
///
/// Names and shapes of blocks, ids, texts, labels and losses, and what the store remembers of its making come along, in
/// files beside the gradients where the layout has no place for them. Files appear whole or not at all, and none is
/// replaced.
public struct StoreConversion: Sendable {
  /// The layouts that are written.
  public enum Target: String, Sendable, CaseIterable {
    /// A store directory of our own, with norms and checksums.
    case influence
    /// A `.safetensors` file, one tensor per block.
    case safetensors
    /// A directory of `.npy` files, one per block; or one file.
    case npy
    /// An index of bergson.
    case bergson

    var format: any ConversionFormat.Type {
      switch self {
      case .influence: NativeConversion.self
      case .safetensors: SafetensorsConversion.self
      case .npy: NumpyConversion.self
      case .bergson: BergsonConversion.self
      }
    }

    /// The types of numbers that the files can hold.
    public var elementTypes: [ElementType] { format.elementTypes }
  }

  /// What is converted.
  public let source: GradientStore
  /// To what.
  public let target: Target
  /// The new file or folder.
  public let destination: URL
  /// How its numbers are stored.
  public let elementType: ElementType
  /// Bytes of gradients that are read at a time.
  private let chunkBytes: Int

  /// Describes a conversion; nothing is read or written yet.
  ///
  /// - Parameters:
  ///   - source: A whole store, as it was opened.
  ///   - target: What to write.
  ///   - destination: Where to: a file whose name ends as the layout's files do, or a folder that is not there or empty.
  ///   - elementType: How to store numbers; the source's type unless given, or float32 where the layout has no place
  ///     for it.
  ///   - chunkBytes: Bytes of gradients at a time; a few times as much memory is used.
  /// - Throws: ``GradientStoreError/notConvertible(path:reason:)`` where the layout cannot hold the store, its type or its
  ///   name.
  public init(
    of source: GradientStore, to target: Target, at destination: URL,
    elementType: ElementType? = nil, chunkBytes: Int = 32 << 20
  ) throws(GradientStoreError) {
    let types = target.elementTypes
    if let elementType, !types.contains(elementType) {
      throw .notConvertible(
        path: destination.path,
        reason:
          "\(target.rawValue) has no place for \(elementType); choose \(types.map(\.name).joined(separator: ", "))"
      )
    }
    if let problem = target.format.problem(of: source, at: destination) {
      throw .notConvertible(path: destination.path, reason: problem)
    }
    let own = source.sufficientElementType
    self.source = source
    self.target = target
    self.destination = destination
    // It holds all numbers of the narrower types.
    self.elementType = elementType ?? (types.contains(own) ? own : .float32)
    self.chunkBytes = chunkBytes
  }

  /// What of the store the files do not hold, or hold where other programs do not look, each as a phrase.
  public var remarks: [String] {
    var remarks = target.format.remarks(on: source, at: destination)
    let companions = source.companions.fileNames
    if !companions.isEmpty {
      remarks.append(
        "not converted: \(companions.joined(separator: ", ")); what lies beside the gradients can be copied as it is"
      )
    }
    if target != .influence, source.companions.probabilitiesInMemory != nil {
      remarks.append(
        "not converted: the probabilities of the examples' own classes, which some methods need beside these gradients; convert to influence to keep them"
      )
    }
    return remarks
  }

  /// Writes the files.
  ///
  /// - Parameter progress: Called with a stage and the share of rows that are written.
  /// - Throws: ``GradientStoreError/alreadyExists(path:)`` where something is at the destination,
  ///   ``GradientStoreError/notFinite(path:row:block:reason:)`` naming the source's row, or an error of a file.
  /// - Complexity: reads the source once.
  public func run(
    progress: (@Sendable (_ stage: String, _ fraction: Double) -> Void)? = nil
  ) throws -> StoreCopy.Outcome {
    let rows = ConversionRows(
      source: source, elementType: elementType, chunkBytes: chunkBytes, progress: progress)
    let resumed =
      source.isWide
      ? try target.format.write(rows, as: Double.self, to: destination)
      : try target.format.write(rows, as: Float.self, to: destination)
    return StoreCopy.Outcome(resumedRows: resumed, rows: source.count)
  }
}
