/// Why a kept fit could not be written, opened or used.
public enum FitError: Error, Sendable, Equatable {
  /// A path that is not a kept fit.
  case notAFit(path: String, found: String)
  /// A field of `fit.json` is missing or wrong.
  case invalidField(path: String, field: String, reason: String)
  /// A fit that was stopped, with so many of its blocks.
  case incomplete(path: String, blocks: Int, of: Int)
  /// The training store is not the one that was fitted, or has changed since.
  case otherStore(path: String, store: String, field: String, recorded: String, found: String)
  /// A method that the fit does not hold, with those that it does.
  case notKept(path: String, method: String, kept: [String])
  /// A method that is fitted by passes or divides its scores: there is no matrix to keep.
  case cannotBeKept(method: String)
  /// Certificates were asked for, and the fit was made without what they need.
  case withoutCertificates(path: String)
  /// A file of the fit is missing, or is not what was written.
  case damaged(path: String, reason: String)
  /// An earlier fit at this path was begun with something else.
  case notResumable(path: String, field: String, found: String, asked: String)
  /// Somebody else writes this fit at the moment.
  case locked(path: String)
  /// The folder holds something else.
  case occupied(path: String)
}

extension FitError: CustomStringConvertible {
  /// What happened and what to do, in one line.
  public var description: String {
    switch self {
    case .notAFit(let path, let found):
      "\(path): \(found); give the folder of a kept fit"
    case .invalidField(let path, let field, let reason):
      "\(path): field '\(field)' \(reason)"
    case .incomplete(let path, let blocks, let count):
      "\(path): the fit is incomplete, it was stopped after \(blocks) of \(count) blocks; run the same fit again, which goes on from there"
    case .otherStore(let path, let store, let field, let recorded, let found):
      "\(path): \(store) is not the training store that was fitted, or has changed: \(field) was \(recorded) and is \(found); give the store that was fitted, or fit again"
    case .notKept(let path, let method, let kept):
      "\(path): the fit does not hold \(method), but \(kept.joined(separator: ", ")); choose one of them, or fit again with \(method)"
    case .cannotBeKept(let method):
      "method \(method) is not made of Gram matrices alone, so nothing of it can be kept; score with it directly"
    case .withoutCertificates(let path):
      "\(path): the fit holds nothing for certificates; score without them, or fit again"
    case .damaged(let path, let reason):
      "\(path): \(reason); copy the fit again, or fit again"
    case .notResumable(let path, let field, let found, let asked):
      "\(path): a fit is there whose \(field) is \(found), where \(asked) is asked for; choose another folder, or delete it first"
    case .locked(let path):
      "\(path): another process is writing this fit; wait for it, or choose another folder"
    case .occupied(let path):
      "\(path): the folder holds something that is not a fit; choose another"
    }
  }
}
