public import Foundation

/// A file of results, and beside it a record in JSON that says what the results are.
///
/// The record has the file's whole name and then `.json`: that of `scores.npy` is `scores.npy.json`. It holds the results'
/// checksum and its own. Both files appear whole or not at all, and at no moment does a record stand beside
/// results that it does not describe. Of several that are written at once, the last remains, with its own record.
public struct RecordedFile: Sendable {
  /// The file of results.
  public let url: URL
  /// The record.
  public var recordURL: URL { ResultRecord.url(of: url) }
  /// Runs the renames that give both files their names.
  ///
  /// A program that can be interrupted lets nothing come between them.
  private let uninterrupted: @Sendable (_ renames: () throws -> Void) throws -> Void

  /// Names a file of results.
  ///
  /// - Parameters:
  ///   - url: The file; its ending is not `.json`.
  ///   - uninterrupted: Runs the renames that it is given, once; it simply runs them unless given.
  public init(
    at url: URL,
    uninterrupted: @escaping @Sendable (_ renames: () throws -> Void) throws -> Void = { try $0() }
  ) {
    precondition(
      url.pathExtension.lowercased() != "json", "\(url.path) is the name of a record")
    self.url = url
    self.uninterrupted = uninterrupted
  }

  /// Gives a finished file its name, and writes its record.
  ///
  /// Both are whole on the disk before either has its name or an earlier result is touched, so that a
  /// full disk leaves that as it was.
  ///
  /// - Parameters:
  ///   - file: The results, all written.
  ///   - record: An object; what it is about and its checksum are added.
  package func commit(_ file: consuming AtomicFile, record: OrderedJSON) throws {
    try file.synchronize()
    let about = try ResultRecord.description(of: URL(filePath: file.temporaryPath), named: url)
    var recordFile = try AtomicFile(at: recordURL)
    let sealed = try record.adding([ResultRecord.resultsKey: about]).sealed(path: recordURL.path)
    try recordFile.write(Array((try sealed.serialized(.indented) + "\n").utf8))
    try recordFile.synchronize()
    var results: AtomicFile? = file
    var description: AtomicFile? = recordFile
    var lock: RenameLock? = try RenameLock(for: url)
    try uninterrupted {
      defer { _ = lock.take() }
      // An earlier record goes first, and that of an earlier version too.
      if FileManager.default.fileExists(atPath: recordURL.path) {
        try FileManager.default.removeItem(at: recordURL)
      }
      if ResultRecord.earlier(of: url) != nil {
        try FileManager.default.removeItem(at: ResultRecord.earlierURL(of: url))
      }
      try results.take()?.commit()
      try description.take()?.commit()
    }
  }

  /// Writes a text and its record.
  ///
  /// - Throws: ``TensorFileError``, or an error of removing an earlier record.
  public func write(_ text: String, record: OrderedJSON) throws {
    var file = try AtomicFile(at: url)
    try file.write(Array(text.utf8))
    try commit(file, record: record)
  }
}
