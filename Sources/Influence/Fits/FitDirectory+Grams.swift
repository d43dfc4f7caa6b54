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
  func grams(
    of context: BlockContext, in block: FitManifest.Block
  ) throws -> [Side: BlockGram] {
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
      return BlockGram(context: context, side: side, parts: parts)
    }
    return [.score: try gram(.score), .query: try gram(.query)]
  }
}
