import ArgumentParser
import Foundation
import InfluenceKit

/// Where a command's curvature comes from: gradients that it fits itself, or a fit that was kept.
struct CurvatureSource {
  /// The training gradients' path.
  let train: String
  /// The fit's folder.
  let fit: String?
  private let manifest: FitManifest?

  /// Finds the training store.
  ///
  /// - Parameters:
  ///   - train: What the user gave.
  ///   - fit: A kept fit, which knows where its store was.
  init(train: String?, fit: String?) throws {
    self.fit = fit
    let manifest = try fit.map { try FitManifest(ofFitAt: URL(filePath: $0)) }
    self.manifest = manifest
    guard let path = train ?? manifest?.trainingPath else {
      throw ValidationError("Missing expected argument '--train <path>'")
    }
    if train == nil, !FileManager.default.fileExists(atPath: path) {
      throw Failure.noInput(
        "\(fit ?? ""): its training store was at \(path), where nothing is now; say where it is with --train"
      )
    }
    self.train = path
  }

  /// The paths that are read.
  var inputs: [String] { [train] + (fit.map { [$0] } ?? []) }

  /// Opens a store with blocks grouped as was asked for, or as they were fitted.
  func store(at path: String, options: FitOptions) throws -> GradientStore {
    guard options.givenBlocks == nil, let manifest else { return try options.store(at: path) }
    return try GradientStore(opening: URL(filePath: path), check: options.check)
      .partitioned(by: manifest.partition)
  }

  /// Fits, or opens what was fitted.
  ///
  /// - Parameters:
  ///   - estimator: The method.
  ///   - training: The training gradients.
  ///   - options: What the user asked for.
  ///   - certifies: Whether scores come with certificates; nil leaves it to the fit.
  ///   - expectedQueries: How many queries there will be.
  ///   - combination: How the scores of blocks become one.
  ///   - forScoresAlone: Whether nothing but scores is made, so that they may be solved for in single precision.
  ///   - meter: Counts the work.
  ///   - progress: Called as blocks are done.
  /// - Throws: ``Failure/usage(_:)`` where an option contradicts the fit, or ``FitError``.
  func curvature(
    of estimator: any Estimator, on training: GradientStore, options: FitOptions,
    certifies: Bool?, expectedQueries: Int? = nil, combination: BlockCombination = .sum,
    forScoresAlone: Bool = false, meter: RunMeter, progress: ProgressHandler?
  ) throws -> Curvature {
    let asked = try options.curvatureOptions(
      certifies: certifies ?? true, expectedQueries: expectedQueries, combination: combination,
      forScoresAlone: forScoresAlone, meter: meter)
    guard let fit, let manifest else {
      return try Curvature(
        fitting: [estimator], on: training, options: asked, progress: progress)
    }
    func require(_ option: String, _ kept: String, _ given: String?) throws {
      guard let given, given != kept else { return }
      throw Failure.usage(
        "\(fit): it was fitted with \(option) \(kept), which \(given) does not go with; leave the option out, or fit again"
      )
    }
    try require("--damping", manifest.damping.description, options.givenDamping?.description)
    try require("--precision", manifest.precision.rawValue, options.givenPrecision?.rawValue)
    try require("--side", manifest.side.rawValue, options.givenSide?.rawValue)
    return try Curvature(
      opening: URL(filePath: fit), on: training, estimators: [estimator], certifies: certifies,
      memoryBudget: options.memory?.bytes, meter: meter, combination: combination,
      verifies: options.verify)
  }
}
