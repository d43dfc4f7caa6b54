package import Foundation

/// Folders at which another file system is mounted, or another folder is bound.
///
/// Nothing can take the name of such a folder, though it is empty.
package enum MountPoint {
  /// Refuses a place that a finished folder could not be renamed to.
  ///
  /// - Throws: ``TensorFileError/mountPoint(path:)``; nothing where there is no folder.
  package static func refuse(_ folder: URL) throws(TensorFileError) {
    let real = folder.standardizedFileURL.resolvingSymlinksInPath()
    let other = device(of: real).map { $0 != device(of: real.deletingLastPathComponent()) }
    if other == true || mounted(real.path) { throw .mountPoint(path: folder.path) }
  }

  private static func device(of url: URL) -> Int? {
    (try? FileManager.default.attributesOfItem(atPath: url.path))?[.systemNumber] as? Int
  }

  /// Whether the system lists the folder, as Linux does also of a folder that is bound within one device.
  private static func mounted(_ path: String) -> Bool {
    guard let list = try? String(contentsOfFile: "/proc/self/mountinfo", encoding: .utf8) else {
      return false
    }
    return list.split(separator: "\n").contains { line in
      let fields = line.split(separator: " ")
      return fields.count > 4 && unescaped(fields[4]) == path
    }
  }

  /// A path of the list, in which blanks, line ends and backslashes are octal: `\040`.
  private static func unescaped(_ field: Substring) -> String {
    var bytes: [UInt8] = []
    var rest = Array(field.utf8)[...]
    while let byte = rest.popFirst() {
      let digits = String(decoding: rest.prefix(3), as: UTF8.self)
      if byte == UInt8(ascii: "\\"), digits.utf8.count == 3, let code = UInt8(digits, radix: 8) {
        bytes.append(code)
        rest = rest.dropFirst(3)
      } else {
        bytes.append(byte)
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}
