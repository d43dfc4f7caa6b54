import ArgumentParser
import InfluenceKit

extension ScoreCommand {
  /// Refuses options that do not go together.
  func validate() throws {
    _ = try MethodArgument.one(of: method, for: "score")
    if let top {
      if top < 1 { throw ValidationError("--top \(top): use a number from 1 up") }
      if dampingSweep != nil {
        throw ValidationError("--damping-sweep writes no scores: leave out --top")
      }
    }
    if perBlock {
      if top != nil {
        throw ValidationError(
          "--top ranks whole scores, and --per-block writes their shares: give one of them")
      }
      if dampingSweep != nil {
        throw ValidationError("--damping-sweep writes no scores: leave out --per-block")
      }
      if ensemble.isGiven {
        throw ValidationError(
          "--per-block is of one store: leave out --checkpoint and --members, and score each by itself"
        )
      }
    }
    if ensemble.isGiven {
      let given = [
        ("--train", train != nil), ("--fit", keptFit != nil), ("--query", query != nil),
        ("--top", top != nil), ("--damping-sweep", dampingSweep != nil),
        ("--certificate", certificate == true),
      ].filter(\.1).map(\.0)
      guard given.isEmpty else {
        throw ValidationError(
          "an ensemble has its own train and query: leave out \(given.joined(separator: ", "))")
      }
      if output == nil { throw ValidationError("Missing expected argument '--output <path>'") }
      return
    }
    if train == nil, keptFit == nil {
      throw ValidationError("Missing expected argument '--train <path>'")
    }
    if query == nil { throw ValidationError("Missing expected argument '--query <path>'") }
    if keptFit != nil, dampingSweep != nil {
      throw ValidationError("--damping-sweep fits at every damping: leave out --fit, give --train")
    }
    if dampingSweep == nil {
      if output == nil { throw ValidationError("Missing expected argument '--output <path>'") }
      if json { throw ValidationError("--json goes with --damping-sweep") }
    } else if convention != .helpful || certificate == false {
      throw ValidationError(
        "--damping-sweep writes no scores: leave out \(certificate == false ? "--no-certificate" : "--convention")"
      )
    }
  }
}
