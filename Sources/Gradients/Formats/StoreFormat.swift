import Foundation
import TensorFiles

/// One way in which gradients are kept on disk.
///
/// A format is one type in a file of its own and one line in the list of `StoreOpening.swift`.
protocol StoreFormat: SendableMetatype {
  /// Opens what is at a place.
  ///
  /// - Returns: nil where the place holds something else, told by its content and not its name.
  /// - Throws: `GradientStoreError` or an error of the file where the place is of this format, but
  ///   cannot be opened.
  static func open(_ place: StorePlace) throws -> GradientStore?
}

/// A file or a folder that may hold gradients.
struct StorePlace {
  let url: URL
  /// Whether a store whose writer did not finish is opened, with the rows it committed.
  let allowsIncomplete: Bool
  /// Whether a store of token gradients is opened, with their sums over each example as rows.
  let sumsTokens: Bool
  /// Whether files whose names differ in the number at their end hold rows that follow each other, not blocks.
  let joinsRows: Bool
  /// Which bytes are compared with checksums.
  let check: StoreCheck
  /// What a file starts like; nil for a folder.
  let fileKind: FileKind?

  init(
    _ url: URL, allowsIncomplete: Bool, sumsTokens: Bool, joinsRows: Bool, check: StoreCheck
  ) throws {
    guard url.isFileURL else { throw TensorFileError.notRegularFile(path: url.absoluteString) }
    let path = url.resolvingSymlinksInPath().path
    guard FileManager.default.fileExists(atPath: path) else {
      throw TensorFileError.notFound(path: url.path)
    }
    let type = try FileManager.default.attributesOfItem(atPath: path)[.type]
    self.url = url
    self.allowsIncomplete = allowsIncomplete
    self.sumsTokens = sumsTokens
    self.joinsRows = joinsRows
    self.check = check
    fileKind = type as? FileAttributeType == .typeDirectory ? nil : try FileKind(of: url)
  }

  /// What lies beside the gradients: inside a folder, or in the folder of a file.
  ///
  /// - Parameter check: Which files are compared with their checksums.
  func companions(_ check: StoreCheck) throws -> Companions {
    try fileKind == nil
      ? Companions(besideStoreAt: url, check: check)
      : Companions(modelIn: url.deletingLastPathComponent(), check: check)
  }

  /// What a folder holds, without hidden entries.
  ///
  /// Numbers in names count as numbers: `rank_2` comes before `rank_10`, as their rows were made.
  func entries() throws -> [URL] {
    guard fileKind == nil else { return [] }
    guard FileManager.default.isReadableFile(atPath: url.path) else {
      throw TensorFileError.permissionDenied(path: url.path, operation: "list it")
    }
    return try FileManager.default.contentsOfDirectory(at: url, includingPropertiesForKeys: nil)
      .filter { !$0.lastPathComponent.hasPrefix(".") }
      .sorted {
        $0.lastPathComponent.compare($1.lastPathComponent, options: .numeric) == .orderedAscending
      }
  }

  /// What is there, for the message that says that no format is.
  func description() throws -> String {
    switch fileKind {
    case nil:
      return try entries().isEmpty
        ? "the directory is empty"
        : "the directory holds neither info.json nor .npy, .pt or .safetensors files of gradients"
    case .archive:
      return
        "the file is a zip archive without the data.pkl of PyTorch, as .npz files are; save its arrays on their own"
    default: return "the file starts like neither safetensors nor npy nor a zip archive of PyTorch"
    }
  }
}
