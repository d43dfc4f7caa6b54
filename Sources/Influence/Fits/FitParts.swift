import LinearAlgebra
import TensorFiles

/// What of a block's Gram matrices a fit keeps in files.
extension FitDirectory {
  /// The name of a side's matrix.
  private static func name(_ side: Side) -> String { side == .score ? "kernel" : "fisher" }

  /// Writes what the block's methods have computed from its Gram matrices, and the matrices
  /// themselves where scores or certificates take them.
  func write(_ grams: BlockGrams, of plan: BlockPlan, into manifest: inout FitManifest) throws {
    let index = plan.context.index
    var files: [FitManifest.File] = []
    for gram in [grams.score, grams.query] {
      let (name, parts) = (Self.name(gram.side), gram.parts)
      if let matrix = parts.matrix, plan.readsMatrix(on: gram.side, manifest) {
        files.append(try write(matrix, holding: name, block: index))
      }
      if let single = parts.single {
        files.append(try write(single, holding: "\(name)-single", block: index))
      }
      if let factor = parts.factor {
        files.append(try write(factor.triangle, holding: "\(name)-factor", block: index))
      }
      if let basis = parts.eigenbasis {
        files.append(try write(basis.values, holding: "\(name)-eigenvalues", block: index))
        files.append(try write(basis.vectors, holding: "\(name)-eigenvectors", block: index))
      }
      manifest.blocks[index].largestEigenvalues[gram.side] = parts.largestEigenvalue
    }
    manifest.blocks[index].files = files
    manifest.blocks[index].isFitted = true
  }

  /// Maps what was written.
  func grams(of context: BlockContext, in block: FitManifest.Block) throws -> BlockGrams {
    func parts(_ side: Side) throws -> GramParts {
      let (name, order) = (Self.name(side), side == .score ? context.exampleCount : context.width)
      func file(_ ending: String) -> FitManifest.File? {
        block.files.first { $0.holds == name + ending }
      }
      var parts = GramParts(largestEigenvalue: block.largestEigenvalues[side])
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
      return parts
    }
    return BlockGrams(context: context, score: try parts(.score), query: try parts(.query))
  }
}

extension BlockPlan {
  /// Whether K or F itself is read once the block is fitted, and not just what was made of it.
  fileprivate func readsMatrix(on side: Side, _ manifest: FitManifest) -> Bool {
    if manifest.certifies { return true }
    return zip(demand.estimators, choices).contains { estimator, choice in
      guard choice.side == side, estimator.need(on: side) == .gram else { return false }
      switch estimator {
      case is ExactFisher, is LiSSA: return false
      case is DataInf: return manifest.precision == .double
      default: return true
      }
    }
  }
}
