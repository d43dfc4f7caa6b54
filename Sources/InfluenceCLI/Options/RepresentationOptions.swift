import ArgumentParser
import Foundation
import InfluenceKit

extension RepresentationCatalog {
  /// The method on representations that was asked for; nil for methods on gradients.
  ///
  /// - Parameters:
  ///   - specification: The method, with settings.
  ///   - options: Options of a fit, which mean nothing without gradients.
  ///   - others: Further options that mean nothing, and whether they were given.
  /// - Throws: A usage error that names the options that must go.
  static func method(
    _ specification: String, options: FitOptions, refusing others: [(String, Bool)]
  ) throws -> (any RepresentationMethod)? {
    guard let method = try method(specification) else { return nil }
    let given = others.filter(\.1).map(\.0) + options.namesOfChanged.filter { $0 != "--threads" }
    guard given.isEmpty else {
      throw ValidationError(
        "method \(method.name) reads representations, not gradients: leave out \(given.joined(separator: ", "))"
      )
    }
    return method
  }
}

extension RepresentedExamples {
  /// Reads what was named on the command line.
  init(atArgument path: String) throws {
    let url = URL(filePath: path)
    guard FileManager.default.fileExists(atPath: url.path) else {
      throw Failure.noInput("\(path): no such file or folder")
    }
    try self.init(at: url)
  }
}
