/// Why a gradient store could not be opened or written.
public enum GradientStoreError: Error, Sendable {
  /// Nothing at this path looks like gradients.
  case unrecognised(path: String, found: String)
  /// A tensor cannot be a block of gradients.
  case invalidBlock(path: String, block: String, reason: String)
  /// Blocks, or shards, do not agree with each other.
  case inconsistent(path: String, reason: String)
  /// A field of `info.json` or `manifest.json` is missing or wrong.
  case invalidField(path: String, field: String, reason: String)
  /// `gradients.bin` is not as long as the header says.
  case wrongSize(path: String, expected: Int, found: Int, rows: Int, rowBytes: Int)
  /// The writer of this store did not finish.
  case incomplete(path: String, committedRows: Int)
  /// A store exists where a new one should be written.
  case alreadyExists(path: String)
  /// A row to be written holds NaN or infinity.
  case notFinite(path: String, row: Int, block: String, reason: String)
  /// Rows to be written do not have the store's shape.
  case wrongShape(path: String, block: String, expected: String, found: String)
}

extension GradientStoreError: CustomStringConvertible {
  /// What happened and what to do, in one line.
  public var description: String {
    switch self {
    case .unrecognised(let path, let found):
      "\(path): \(found); expected a store directory (info.json + gradients.bin), a .safetensors file with one tensor a block, a .npy file, or a directory of .npy files"
    case .invalidBlock(let path, let block, let reason):
      "\(path): tensor \(block) \(reason)"
    case .inconsistent(let path, let reason):
      "\(path): \(reason)"
    case .invalidField(let path, let field, let reason):
      "\(path): field \(field) \(reason)"
    case .wrongSize(let path, let expected, let found, let rows, let rowBytes):
      "\(path): \(found) bytes, but \(rows) rows of \(rowBytes) bytes need \(expected); the file is damaged or its info.json belongs to another store"
    case .incomplete(let path, let rows):
      "\(path): the store is incomplete, its writer stopped after \(rows) rows; finish writing it (a writer resumes from there) or open it with the rows it has by asking for incomplete stores"
    case .alreadyExists(let path):
      "\(path): there is a store already; choose another path, resume it, or delete it first"
    case .notFinite(let path, let row, let block, let reason):
      "\(path): row \(row), block \(block): \(reason)"
    case .wrongShape(let path, let block, let expected, let found):
      "\(path): block \(block): expected \(expected), found \(found)"
    }
  }
}
