import Foundation
import Gradients
import LinearAlgebra
import TensorFiles

/// What of a block's Gram matrices a fit keeps in files.
extension FitDirectory {
  /// The name of a side's matrix.
  private static func name(_ side: Side) -> String { side == .score ? "kernel" : "fisher" }

  /// Writes what the methods and certificates of a block read of its Gram matrices.
  ///
  /// - Precondition: The block keeps its Gram matrices.
  func write(_ block: FittedBlock, into manifest: inout FitManifest) throws {
    let index = block.context.index
    var files: [FitManifest.File] = []
    for side in Side.allCases {
      guard let gram = block.grams[side] else {
        preconditionFailure("block \(block.context.name) was fitted to be kept")
      }
      let (name, parts) = (Self.name(side), gram.parts)
      let read = block.needs.parts(
        on: side, certifies: manifest.certifies, precision: manifest.precision)
      if read.contains(.gramMatrix), let matrix = parts.matrix {
        files.append(try write(matrix, holding: name, block: index))
      }
      if read.contains(.gramInProductPrecision), let single = parts.single {
        files.append(try write(single, holding: "\(name)-single", block: index))
      }
      if read.contains(.choleskyFactor), let factor = parts.factor {
        files.append(try write(factor.triangle, holding: "\(name)-factor", block: index))
      }
      if read.contains(.eigenbasis), let basis = parts.eigenbasis {
        files.append(try write(basis.values, holding: "\(name)-eigenvalues", block: index))
        files.append(try write(basis.vectors, holding: "\(name)-eigenvectors", block: index))
      }
      manifest.blocks[index].largestEigenvalues[side] = parts.largestEigenvalue
    }
    manifest.blocks[index].files = files
    manifest.blocks[index].isFitted = true
  }

  /// Maps what was written.
  ///
  /// - Throws: ``FitError/damaged(path:reason:)`` where something is missing that methods or certificates read.
  func grams(
    of context: BlockContext, in block: FitManifest.Block, needs: BlockNeeds, certifies: Bool,
    _ precision: CurvatureOptions.Precision
  ) throws -> [Side: BlockGram] {
    for (estimator, choice) in zip(needs.estimators, needs.choices)
    where !context.isDead && estimator.fit(on: choice.side) == nil {
      throw damagedManifest(
        "block \(context.name) has \(estimator.name) on the \(choice.side.rawValue) side, which it has not"
      )
    }
    func gram(_ side: Side) throws -> BlockGram {
      let (name, order) = (Self.name(side), side == .score ? context.exampleCount : context.width)
      func file(_ ending: String) -> FitManifest.File? {
        block.files.first { $0.holds == name + ending }
      }
      var parts = BlockGram.Parts(largestEigenvalue: block.largestEigenvalues[side])
      parts.matrix = try file("").map {
        try view($0, rows: order, columns: order, as: Double.self)
      }
      parts.single = try file("-single").map {
        try view($0, rows: order, columns: order, as: Float.self)
      }
      parts.factor = try file("-factor").map {
        Cholesky(triangle: try view($0, rows: order, columns: order, as: Double.self))
      }
      if let values = file("-eigenvalues"), let vectors = file("-eigenvectors") {
        parts.eigenbasis = Eigenbasis(
          values: try vector(values, count: order),
          vectors: try view(vectors, rows: order, columns: order, as: Double.self))
      }
      // The matrix itself gives everything else.
      let read = needs.parts(on: side, certifies: certifies, precision: precision)
      guard parts.matrix != nil || read.subtracting(parts.needs).isEmpty else {
        throw damagedManifest("it does not list all files of the \(name) of block \(context.name)")
      }
      return BlockGram(context: context, side: side, parts: parts)
    }
    return [.score: try gram(.score), .query: try gram(.query)]
  }
}

extension FitDirectory {
  /// The blocks with their norms, and the dampings that follow from these.
  ///
  /// - Throws: ``FitError/damaged(path:reason:)`` where a recorded damping does not.
  func contexts(
    of manifest: FitManifest, blocks: [Block], norms: GradientNorms
  ) throws -> [BlockContext] {
    try zip(blocks, manifest.blocks).enumerated().map { index, pair in
      let squares = norms.norms(ofBlock: index)
      let (lambda, rule) = (pair.1.damping, manifest.damping)
      let due = try rule.lambda(ofSquaredNorms: squares, width: pair.0.width)
      // Sums of many norms may differ in their last digits between machines.
      guard (lambda == nil) == (due == nil), abs((lambda ?? 0) - (due ?? 0)) <= 1e-9 * (due ?? 0)
      else {
        func text(_ lambda: Double?) -> String { lambda.map { "\($0)" } ?? "none" }
        throw damagedManifest(
          "block \(pair.0.name) has the damping \(text(lambda)), where \(rule) gives \(text(due))")
      }
      return BlockContext(
        index: index, block: pair.0, squaredNorms: squares, damping: pair.1.damping)
    }
  }

  private func damagedManifest(_ reason: String) -> FitError {
    .damaged(path: url.appending(path: FitManifest.fileName).path, reason: reason)
  }
}

extension BlockGram.Parts {
  /// What is there.
  fileprivate var needs: Set<Need> {
    var needs: Set<Need> = []
    if matrix != nil { needs.insert(.gramMatrix) }
    if single != nil { needs.insert(.gramInProductPrecision) }
    if factor != nil { needs.insert(.choleskyFactor) }
    if eigenbasis != nil { needs.insert(.eigenbasis) }
    if largestEigenvalue != nil { needs.insert(.largestEigenvalue) }
    return needs
  }
}
