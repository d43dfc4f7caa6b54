/// Why an experiment does not run, or did not end well.
package enum ExperimentError: Error, Equatable, Sendable {
  case malformed(Place, problem: String)
  /// A key that no setting has.
  case unknownKey(Place, key: String, known: [String])
  /// A value that its setting cannot hold.
  case invalidValue(Place, key: String, reason: String)
  /// A setting that the file must have.
  case missingKey(Place, key: String, allowed: String, help: String)
  case unknownExperiment(Place, name: String, known: [String])
  /// A file or folder that is named and does not exist.
  case missingPath(Place, key: String, path: String)
  /// The folder holds an earlier run, and it was not said to go on with it.
  case folderInUse(String)
  case otherRun(String, differing: [String])
  /// The folder holds something else.
  case notARun(String)
  case locked(String)
  case damaged(String, reason: String)
  /// The experiment has run, but what it must show it does not.
  case checksFailed([String], folder: String)
}

extension ExperimentError: CustomStringConvertible {
  package var description: String {
    switch self {
    case .malformed(let place, let problem):
      "\(place): \(problem); the description of an experiment says what a file looks like"
    case .unknownKey(let place, let key, let known):
      "\(place): there is no setting \"\(key)\"\(Self.suggestion(for: key, among: known))"
    case .invalidValue(let place, let key, let reason):
      "\(place): \(key): \(reason)"
    case .missingKey(let place, let key, let allowed, let help):
      "\(place): \(key) is missing: \(help); give \(allowed) in the file, or by the override \(key)=…"
    case .unknownExperiment(let place, let name, let known):
      "\(place): there is no experiment \"\(name)\"\(Self.suggestion(for: name, among: known))"
    case .missingPath(let place, let key, let path):
      "\(place): \(key): \(path) does not exist; docs/data.md says where data sets are had"
    case .folderInUse(let folder):
      "\(folder): there is a run already; go on with it, or choose another folder for the run"
    case .otherRun(let folder, let differing):
      "\(folder): the run there has other settings (\(differing.joined(separator: ", "))); choose another folder for the run"
    case .notARun(let folder):
      "\(folder): there is something else than a run of an experiment; choose another folder for the run"
    case .locked(let folder):
      "\(folder): another process runs an experiment there; wait for it, or choose another folder for the run"
    case .damaged(let path, let reason):
      "\(path): \(reason); delete the file, and go on with the run to compute it again"
    case .checksFailed(let names, let folder):
      "the experiment has run (\(folder)), but does not show what it must: \(names.joined(separator: "; "))"
    }
  }

  /// The nearest known word, or all of them.
  private static func suggestion(for word: String, among known: [String]) -> String {
    let near = known.map { ($0, Self.distance(word, $0)) }.min { $0.1 < $1.1 }
    if let near, near.1 <= max(2, word.count / 3) { return "; did you mean \(near.0)?" }
    return "; there are \(known.joined(separator: ", "))"
  }

  /// The number of letters to insert, delete or change (Levenshtein).
  private static func distance(_ first: String, _ second: String) -> Int {
    let (a, b) = (Array(first), Array(second))
    var row = Array(0...b.count)
    for i in a.indices {
      var diagonal = row[0]
      row[0] = i + 1
      for j in b.indices {
        let next = min(row[j] + 1, row[j + 1] + 1, diagonal + (a[i] == b[j] ? 0 : 1))
        diagonal = row[j + 1]
        row[j + 1] = next
      }
    }
    return row[b.count]
  }
}
