import TensorFiles

/// Why a gradient store could not be opened or written.
public enum GradientStoreError: Error, Sendable, Equatable {
  /// Nothing at this path looks like gradients.
  case unrecognised(path: String, found: String)
  /// A tensor cannot be a block of gradients.
  case invalidBlock(path: String, block: String, reason: String)
  /// Blocks, shards, or the files of a store do not agree with each other.
  case inconsistent(path: String, reason: String)
  /// A field of `info.json` or `manifest.json` is missing or wrong.
  case invalidField(path: String, field: String, reason: String)
  /// A file is not as long as the rows it should hold.
  case wrongSize(path: String, expected: Int, found: Int, rows: Int, rowBytes: Int)
  /// The rows of a store are gradients of tokens, not of examples.
  case perToken(path: String, tokens: Int, examples: Int)
  /// A scale of int8 gradients is negative, NaN or infinite; the row is counted in its shard.
  case invalidScale(path: String, row: Int, block: String, found: String)
  /// The bytes of a file are not those that were written.
  case damaged(path: String, recorded: String, found: String)
  /// The writer of this store did not finish; it committed so many rows, where that is known.
  case incomplete(path: String, committedRows: Int?)
  /// A store exists where a new one should be written.
  case alreadyExists(path: String)
  /// Another writer is at work on this store.
  case beingWritten(path: String)
  /// There is nothing that a writer could go on with.
  case notResumable(path: String, reason: String)
  /// A row to be written holds a number that cannot be stored.
  case notFinite(path: String, row: Int, block: String, reason: String)
  /// Rows to be written do not have the store's shape.
  case wrongShape(path: String, block: String, expected: String, found: String)
  /// What a store says of its model's curvature is missing or cannot be used.
  case unusableCurvature(path: String, field: String, reason: String)
  /// What is known of the optimizer of a store's model is missing or cannot be used.
  case unusableOptimizer(path: String, field: String, reason: String)
  /// The representations beside a store are missing or cannot be used.
  case unusableRepresentations(path: String, field: String, reason: String)
  /// A method needs blocks that are matrices.
  case notMatrixShaped(block: String, shape: [Int], neededBy: String)
  /// Blocks cannot be grouped as asked.
  case unusablePartition(store: String, reason: String)
  /// A block cannot be projected as asked.
  case notProjectable(block: String, reason: String)
  /// A layout of files cannot hold a store.
  case notConvertible(path: String, reason: String)
  /// The writer failed earlier, and only the committed rows are whole.
  case writerFailed(path: String, committedRows: Int)
}

extension GradientStoreError: CustomStringConvertible {
  /// What happened and what to do, in one line.
  public var description: String {
    switch self {
    case .unrecognised(let path, let found):
      "\(path.legible): \(found); expected a store directory (info.json + gradients.bin), a directory of them, a .safetensors file with one tensor a block, an index (.index.json) or a directory of such files, a .npy or .pt file, or a directory of such files"
    case .invalidBlock(let path, let block, let reason):
      "\(path.legible): tensor \(block.quoted) \(reason)"
    case .inconsistent(let path, let reason):
      "\(path.legible): \(reason)"
    case .invalidField(let path, let field, let reason):
      "\(path.legible): field \(field.quoted) \(reason)"
    case .wrongSize(let path, let expected, let found, let rows, let rowBytes):
      "\(path.legible): \(found) bytes, but \(rows) rows of \(rowBytes) bytes need \(expected); the file is damaged or belongs to another store, copy or write it again"
    case .perToken(let path, let tokens, let examples):
      "\(path.legible): its \(tokens) rows are gradients of tokens, as bergson writes them with attribute_tokens, of \(examples) examples; sum each example's tokens first"
    case .invalidScale(let path, let row, let block, let found):
      "\(path.legible): row \(row), block \(block.quoted): the scale is \(found), and must be a finite number from 0 on; the file is damaged, copy or write it again"
    case .damaged(let path, let recorded, let found):
      "\(path.legible): the checksum is \(found), but its writer recorded \(recorded); the file is damaged, copy or write it again"
    case .incomplete(let path, let rows?):
      "\(path.legible): the store is incomplete, its writer stopped after \(rows) rows; finish writing it (a writer resumes from there) or open it with the rows it has by asking for incomplete stores"
    case .incomplete(let path, nil):
      "\(path.legible): the name ends in .part, which is how bergson and influence split mark what has not finished, and rows not yet written may be zeros; finish it, or open it as it is by asking for incomplete stores"
    case .alreadyExists(let path):
      "\(path.legible): there is something already; choose another path, resume it if it is an unfinished store, or delete it first"
    case .beingWritten(let path):
      "\(path.legible): another writer is at work on this store; wait until it has ended, or choose another path"
    case .notResumable(let path, let reason):
      "\(path.legible): \(reason); delete it, or start a new store in another folder"
    case .notFinite(let path, let row, let block, let reason):
      "\(path.legible): row \(row), block \(block.quoted): \(reason)"
    case .wrongShape(let path, let block, let expected, let found):
      "\(path.legible): block \(block.quoted): expected \(expected), found \(found); correct the rows that are appended"
    case .unusableCurvature(let path, let field, let reason),
      .unusableOptimizer(let path, let field, let reason),
      .unusableRepresentations(let path, let field, let reason):
      "\(path.legible): \(field.quoted): \(reason)"
    case .notMatrixShaped(let block, let shape, let method):
      "block \(block.quoted) of shape \(shape) is neither a matrix nor a vector, which \(method) need; choose another method, or store the block as outputs × inputs"
    case .unusablePartition(let store, let reason):
      "\(store.legible): \(reason)"
    case .notProjectable(let block, let reason):
      "block \(block.quoted): \(reason)"
    case .notConvertible(let path, let reason):
      "\(path.legible): \(reason)"
    case .writerFailed(let path, let rows):
      "\(path.legible): this writer failed before, and only the first \(rows) rows are whole; resume the store with a new writer and append the rows after them again"
    }
  }
}
