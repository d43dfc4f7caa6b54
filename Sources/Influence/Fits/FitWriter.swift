public import Foundation
public import Gradients
import LinearAlgebra
import TensorFiles

/// Fits estimators to a training store and keeps what they need in a folder, block by block.
///
///     try FitWriter(of: [ExactFisher()], on: training, to: folder).run()
///     let curvature = try Curvature(opening: folder, on: training)
///
/// Each file appears whole, and counts once `fit.json` lists it. A fit that was stopped, by whatever,
/// goes on with the blocks that it lacks when it is run again with the same arguments.
public struct FitWriter: Sendable {
  /// The methods.
  public let estimators: [any Estimator]
  /// The training gradients.
  public let training: GradientStore
  /// The folder.
  public let folder: URL
  /// Damping, sides, precision, certificates, memory.
  public let options: CurvatureOptions

  /// What a run did.
  public struct Outcome: Sendable {
    /// What is kept.
    package let manifest: FitManifest
    /// Blocks that an earlier run had kept.
    public let resumedBlocks: Int
    /// What the user should know: dead blocks, methods solved by passes.
    public let warnings: [String]
    /// Seconds spent.
    public let seconds: Double
  }

  /// Describes a fit; nothing is read or written yet.
  ///
  /// - Parameters:
  ///   - estimators: The methods.
  ///   - training: A whole store, as it was opened.
  ///   - folder: Where to: nothing, an empty folder, or the same fit, not finished.
  ///   - options: Damping, sides, precision, certificates, memory.
  public init(
    of estimators: [any Estimator], on training: GradientStore, to folder: URL,
    options: CurvatureOptions = CurvatureOptions()
  ) {
    self.estimators = estimators
    self.training = training
    self.folder = folder
    var options = options
    // What is kept serves self-influence too.
    options.solvesInSingle = false
    self.options = options
  }

  /// Fits and keeps what is not kept yet, a few blocks at a time.
  ///
  /// - Parameter progress: Called with a stage and the share that is done.
  /// - Throws: ``FitError/notResumable(path:field:found:asked:)`` where another fit is,
  ///   ``FitError/occupied(path:)`` where something else is, ``InfluenceError``, or an error of a file;
  ///   what is kept then stays kept.
  @discardableResult
  public func run(progress: ProgressHandler? = nil) throws -> Outcome {
    let clock = ContinuousClock()
    let start = clock.now
    for estimator in estimators {
      try estimator.validateSettings()
      try estimator.check(training)
      guard estimator.canBeKept else { throw FitError.cannotBeKept(method: estimator.name) }
    }
    let contexts = try Curvature.contexts(for: estimators, on: training, options: options)
    var needs = contexts.map { context in
      BlockNeeds(
        of: context.shape(in: training), isDead: context.isDead, for: estimators, options: options)
    }
    var manifest = try FitManifest(of: estimators, on: training, contexts, needs, options: options)
    let directory = FitDirectory(url: folder)
    let lock = try lock()
    if let known = try existing() {
      try require(known, is: manifest)
      manifest = known
      for index in known.blocks.indices
      where !known.blocks[index].files.allSatisfy(directory.holds) {
        manifest.blocks[index].isFitted = false
      }
      // Sides were decided by the first run, perhaps with more memory.
      needs = zip(contexts, known.blocks).map { context, block in
        BlockNeeds(
          of: context.shape(in: training), isDead: context.isDead,
          for: Array(zip(estimators, block.choices)), certifies: options.certifies)
      }
    }
    try BlockNeeds.check(needs, against: options.memoryBudget)
    let resumed = manifest.blocks.count(where: \.isFitted)
    if manifest.norms.map(directory.holds) != true {
      try directory.commit(manifest)
      manifest.norms = try directory.write(
        norms: GradientNorms(contexts.map(\.squaredNorms)))
      try directory.commit(manifest)
    }
    let refitted = try fit(needs, contexts, directory, &manifest, progress)
    _ = consume lock
    return Outcome(
      manifest: manifest, resumedBlocks: resumed,
      warnings: TrainingWarnings.warnings(of: contexts, store: training)
        + TrainingWarnings.warnings(for: estimators, needs, budget: options.memoryBudget)
        + TrainingWarnings.warnings(ofRefitted: refitted, in: training),
      seconds: (clock.now - start).inSeconds)
  }

  /// Fits what is not kept; gives the blocks that were fitted again in double precision.
  private func fit(
    _ needs: [BlockNeeds], _ contexts: [BlockContext], _ directory: FitDirectory,
    _ manifest: inout FitManifest, _ progress: ProgressHandler?
  ) throws -> [String] {
    let isKept = manifest.blocks.map(\.isFitted)
    guard isKept.contains(false) else { return [] }
    var refitted: [String] = []
    let (options, store) = (options, training)
    let walk = BlockWalk(
      fitting: needs, isKept: isKept, of: training, options: options, progress: progress)
    try walk.forEach { index, monitor -> FittedBlock? in
      if isKept[index] { return nil }
      return try FittedBlock(
        needs[index], contexts[index], on: store, options, monitor: monitor, keepsGrams: true)
    } combine: { _, block in
      guard let block else { return }
      if block.isRefitted { refitted.append(block.context.name) }
      try directory.write(block, into: &manifest)
      try directory.commit(manifest)
    }
    return refitted
  }

  /// Makes sure that the folder is there, and that nobody else writes to it.
  private func lock() throws -> FolderLock {
    let files = FileManager.default
    if !files.fileExists(atPath: folder.path) {
      do {
        try files.createDirectory(at: folder, withIntermediateDirectories: false)
      } catch {
        // Another fit may have made it meanwhile; whose it is, the lock says.
        guard files.fileExists(atPath: folder.path) else { throw error }
      }
    }
    guard let lock = try FolderLock(holding: folder) else {
      throw FitError.locked(path: folder.path)
    }
    return lock
  }

  /// The manifest of a fit that is there; nil where there is room for one.
  private func existing() throws -> FitManifest? {
    let files = FileManager.default
    let names = try files.contentsOfDirectory(atPath: folder.path)
    guard !names.contains(FitManifest.fileName) else {
      return try FitManifest(ofFitAt: folder)
    }
    // What a stopped run leaves before its manifest has a name of this kind.
    guard names.allSatisfy({ $0.hasPrefix(".") }) else {
      throw FitError.occupied(path: folder.path)
    }
    return nil
  }

  private func require(_ known: FitManifest, is asked: FitManifest) throws {
    func same(_ field: String, _ found: String, _ asked: String) throws {
      guard found == asked else {
        throw FitError.notResumable(path: folder.path, field: field, found: found, asked: asked)
      }
    }
    let list: ([FitManifest.Method]) -> String = {
      $0.map(\.specification).joined(separator: ", ")
    }
    try same("list of methods", list(known.methods), list(asked.methods))
    try same("damping", known.damping.description, asked.damping.description)
    try same("precision", known.precision.rawValue, asked.precision.rawValue)
    try same("side", known.side.rawValue, asked.side.rawValue)
    try same("use of certificates", "\(known.certifies)", "\(asked.certifies)")
    if let difference = try FitDirectory(url: folder).difference(of: known, from: training) {
      try same(
        "training store's \(difference.field)", difference.recorded, difference.found)
    }
  }
}
