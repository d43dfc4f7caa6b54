public import Foundation
public import Gradients
import LinearAlgebra
import TensorFiles

extension Curvature {
  /// Opens a fit that ``FitWriter`` kept: no pass over the gradients, no factorization.
  ///
  /// Matrices are mapped and read where they are, so a fit may be larger than memory. Their bytes are
  /// not compared with the recorded checksums; `influence verify` does.
  ///
  /// - Parameters:
  ///   - fit: The folder.
  ///   - training: The store that was fitted.
  ///   - estimators: Which of its methods, all of them unless given.
  ///   - certifies: Whether scores come with a ``Certificate``; as it was fitted unless given.
  ///   - memoryBudget: As in ``CurvatureOptions``.
  ///   - meter: As in ``CurvatureOptions``.
  /// - Throws: ``FitError``, or an error of a file.
  /// - Complexity: reads `fit.json` and the norms, and all gradients of a store whose writer recorded
  ///   no checksum.
  public init(
    opening fit: URL, on training: GradientStore, estimators: [any Estimator]? = nil,
    certifies: Bool? = nil, memoryBudget: Int? = nil, meter: RunMeter? = nil
  ) throws {
    let clock = ContinuousClock()
    let start = clock.now
    let manifest = try FitManifest(ofFitAt: fit)
    let directory = FitDirectory(url: fit)
    guard manifest.isComplete else {
      throw FitError.incomplete(
        path: fit.path,
        blocks: manifest.norms == nil ? 0 : manifest.blocks.count(where: \.isFitted),
        of: manifest.blocks.count)
    }
    if let difference = try directory.difference(of: manifest, from: training) {
      throw FitError.otherStore(
        path: fit.path, store: training.name, field: difference.field,
        recorded: difference.recorded, found: difference.found)
    }
    let certifies = certifies ?? manifest.certifies
    guard manifest.certifies || !certifies else {
      throw FitError.withoutCertificates(path: fit.path)
    }
    let estimators =
      try estimators ?? manifest.methods.map { try EstimatorCatalog.estimator($0.specification) }
    let places = try estimators.map { try manifest.place(of: $0, path: fit.path) }
    options = CurvatureOptions(
      damping: manifest.damping, costModel: CostModel(request: manifest.side),
      certifies: certifies, precision: manifest.precision, memoryBudget: memoryBudget,
      meter: meter)
    let norms = try directory.norms(of: manifest)
    let contexts = zip(training.layout.blocks, manifest.blocks).enumerated().map { index, pair in
      BlockContext(
        index: index, block: pair.0, squaredNorms: (0..<norms.rows).map { norms[$0, index] },
        damping: pair.1.damping)
    }
    self.contexts = contexts
    supply = BlockSupply(
      try zip(contexts, manifest.blocks).map { context, block in
        let needs = BlockNeeds(
          of: context.shape(in: training), isDead: context.isDead,
          for: zip(estimators, places).map { ($0, block.choices[$1]) }, certifies: certifies,
          isMapped: true)
        let grams = try directory.grams(of: context, in: block)
        func pass<Element: Scalar>(_: Element.Type) -> GradientPass<Element> {
          GradientPass(store: training, block: context.index, monitor: nil)
        }
        return manifest.precision == .single
          ? try FittedBlock(needs, context, grams, certifies: certifies, pass: pass(Float.self))
          : try FittedBlock(needs, context, grams, certifies: certifies, pass: pass(Double.self))
      })
    self.estimators = estimators
    self.training = training
    warnings = TrainingWarnings.warnings(of: contexts, store: training)
    normalizers = Normalizers()
    seconds = (clock.now - start).inSeconds
  }
}
