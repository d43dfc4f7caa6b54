public import Foundation
public import Gradients
import LinearAlgebra
import TensorFiles

extension Curvature {
  /// Opens a fit that ``FitWriter`` kept: no pass over the gradients, no factorization.
  ///
  /// Matrices are mapped and read where they are, so a fit may be larger than memory. `fit.json`, the norms
  /// and files of up to 1 MiB are compared with their checksums, the others where that is asked for.
  ///
  /// - Parameters:
  ///   - fit: The folder.
  ///   - training: The store that was fitted.
  ///   - estimators: Which of its methods, all of them unless given.
  ///   - certifies: Whether scores come with a ``Certificate``; as it was fitted unless given.
  ///   - memoryBudget: As in ``CurvatureOptions``.
  ///   - meter: As in ``CurvatureOptions``.
  ///   - combination: As in ``CurvatureOptions``.
  ///   - verifies: Whether all bytes of the fit are compared with their checksums first, at about 2 GB/s.
  /// - Throws: ``FitError``, or an error of a file.
  /// - Complexity: reads `fit.json` and the norms, and all gradients of a store whose writer recorded
  ///   no checksum.
  public init(
    opening fit: URL, on training: GradientStore, estimators: [any Estimator]? = nil,
    certifies: Bool? = nil, memoryBudget: Int? = nil, meter: RunMeter? = nil,
    combination: BlockCombination = .sum, verifies: Bool = false
  ) throws {
    let clock = ContinuousClock()
    let start = clock.now
    let manifest = try FitManifest(ofFitAt: fit)
    let directory = FitDirectory(url: fit)
    if verifies, let damage = try FitManifest.verification(ofFitAt: fit).damages.first {
      throw FitError.damaged(path: damage.path, reason: damage.reason)
    }
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
    try Self.requireCombinable(estimators, by: combination)
    var options = CurvatureOptions(
      damping: manifest.damping, costModel: CostModel(request: manifest.side),
      certifies: certifies, precision: manifest.precision, memoryBudget: memoryBudget,
      meter: meter)
    options.combination = combination
    self.options = options
    let norms = try directory.norms(of: manifest)
    let contexts = try directory.contexts(
      of: manifest, blocks: training.layout.blocks, norms: norms)
    self.contexts = contexts
    supply = BlockSupply(
      try zip(contexts, manifest.blocks).map { context, block in
        let needs = BlockNeeds(
          of: context.shape(in: training), isDead: context.isDead,
          for: zip(estimators, places).map { ($0, block.choices[$1]) }, certifies: certifies,
          isMapped: true)
        let grams = try directory.grams(
          of: context, in: block, needs: needs, certifies: certifies, manifest.precision)
        func pass<Element: Scalar>(_: Element.Type) -> GradientPass<Element> {
          GradientPass(store: training, block: context.index, monitor: nil)
        }
        return manifest.precision == .single
          ? try FittedBlock(needs, context, grams, certifies: certifies, pass: pass(Float.self))
          : try FittedBlock(needs, context, grams, certifies: certifies, pass: pass(Double.self))
      })
    self.estimators = estimators
    self.training = training
    warnings =
      TrainingWarnings.warnings(of: contexts, store: training)
      + TrainingWarnings.warnings(ofDampingIn: contexts, for: estimators, store: training)
    normalizers = Normalizers()
    fitFiles = directory.files
    seconds = (clock.now - start).inSeconds
  }
}
