import Foundation
import InfluenceKit
import Reporting

/// Where a report's page goes, checked before any work is done.
struct ReportDestination {
  private let url: URL
  /// As it was given.
  let path: String

  /// By these bytes near its beginning a page of this program is known.
  private static let mark = "name=\"generator\" content=\"InfluenceKit\""

  /// - Parameters:
  ///   - path: The page's path, which ends in `.html`.
  ///   - inputs: Paths that are read, which the page may not replace.
  ///   - option: What the path was given by.
  /// - Throws: ``Failure`` where the folder is missing or closed, or the page would replace something that is not an
  ///   earlier page.
  init(_ path: String, inputs: [String], option: String) throws {
    guard !path.isEmpty else { throw Failure.usage("\(option) is empty; name an .html file") }
    url = URL(filePath: path)
    self.path = path
    guard ["html", "htm"].contains(url.pathExtension.lowercased()) else {
      throw Failure.usage(
        "\(option) \(path): the name does not end in .html, which is what is written; add it")
    }
    try OutputPath.requirePlace(for: url, path: path, inputs: inputs, option: option)
    guard FileManager.default.fileExists(atPath: url.path) else { return }
    let file = try MemoryMap(opening: url)
    let start = try file.bytes(in: 0..<min(file.count, 4096))
    guard file.count == 0 || String(decoding: start, as: UTF8.self).contains(Self.mark) else {
      throw Failure.cannotCreate(
        "\(path): there is a page of this name that no command here wrote; choose another name")
    }
  }

  /// Writes the page, whole or not at all.
  func write(_ page: String) throws {
    Interruption.postpone()
    defer { Interruption.allow() }
    try AtomicFile.write(page, to: url)
    Interruption.leaves("\(Console.shortened(url.path)) is complete")
  }
}
