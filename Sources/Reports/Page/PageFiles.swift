internal import CReportPage
internal import Foundation
package import InfluenceKit
internal import Mustache

/// The files that a page is made of, which are part of the binary.
///
/// Line breaks and indentation of a template are layout: lines are put together without them, for both renderers.
package enum PageFiles {
  /// The text of a file of `Sources/CReportPage/page`.
  package static func text(_ name: String) -> String {
    guard let text = files[name] else {
      preconditionFailure("there is no file \(name) of the page")
    }
    return text
  }

  /// A template on one line.
  package static func template(_ name: String) -> String {
    text(name + ".mustache").split(separator: "\n", omittingEmptySubsequences: true)
      .map { line in
        let start = line.firstIndex { $0 != " " } ?? line.endIndex
        return String(line[start...])
      }.joined()
  }

  /// Fills a template.
  ///
  /// - Parameters:
  ///   - name: The template's name.
  ///   - context: What its tags stand for. A null is as if it were not there, so that the name is looked for further out.
  package static func rendered(_ name: String, _ context: OrderedJSON) -> String {
    guard let text = library.render(value(of: context) ?? [String: Any](), withTemplate: name)
    else { preconditionFailure("there is no template \(name)") }
    return text
  }

  /// The names of all templates.
  package static var templateNames: [String] {
    files.keys.filter { $0.hasSuffix(".mustache") }.map { String($0.dropLast(9)) }
  }

  private static let files: [String: String] = {
    var files: [String: String] = [:]
    for file in 0..<influence_report_file_count() {
      var name: [UInt8] = []
      while case let byte = influence_report_file_name_byte(file, name.count), byte != 0 {
        name.append(byte)
      }
      let bytes = (0..<influence_report_file_size(file)).map {
        influence_report_file_byte(file, $0)
      }
      files[String(decoding: name, as: UTF8.self)] = String(decoding: bytes, as: UTF8.self)
    }
    return files
  }()

  /// Every template says first that its values are escaped by `HTMLText`: the library's own escaping takes `"` with a
  /// combining mark behind it for a character that needs none.
  private static let library: MustacheLibrary = {
    MustacheContentTypes.register(EscapedText(), named: "REPORT")
    var library = MustacheLibrary()
    for name in templateNames {
      do {
        try library.register("{{% CONTENT_TYPE: REPORT}}" + template(name), named: name)
      } catch {
        preconditionFailure("template \(name): \(error)")
      }
    }
    return library
  }()

  private struct EscapedText: MustacheContentType {
    func escapeText(_ text: String) -> String { HTMLText.escaped(text) }
  }

  /// A value as the library takes it; nil for null.
  private static func value(of json: OrderedJSON) -> Any? {
    switch json {
    case .null: nil
    case .boolean(let value): value
    case .integer(let value): value
    case .number(let value): value
    case .string(let text): text
    case .array(let elements): elements.compactMap(value)
    case .object(let members):
      members.reduce(into: [String: Any]()) { result, member in
        result[member.key] = value(of: member.value)
      }
    }
  }
}
