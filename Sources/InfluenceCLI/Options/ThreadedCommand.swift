import ArgumentParser

/// A command that computes with a number of threads that its user may choose.
///
/// The number is process-wide, and is set once, before the command runs.
protocol ThreadedCommand: ParsableCommand {
  /// The number of threads that was asked for; nil for all cores.
  func threadCount() throws -> Int?
}

/// A command with the options of a fit, of which the number of threads is one.
protocol FittingCommand: ThreadedCommand {
  /// The options of the fit.
  var fit: FitOptions { get }
}

extension FittingCommand {
  func threadCount() throws -> Int? { fit.threads }
}
