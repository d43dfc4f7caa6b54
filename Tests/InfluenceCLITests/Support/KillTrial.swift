import Foundation
import InfluenceKit
import TestSupport
import Testing

/// A command that is killed at seeded moments of its work, and what it promises then: the old state is
/// whole, or the same command goes on; and in the end its files are those of an undisturbed run.
///
///     try KillTrial(
///       ["import", "../train.npy", "store"], results: ["store/gradients.bin"], isDone: storeIsComplete
///     ).run(in: place, kills: 50, seed: 1)
struct KillTrial {
  /// The command, run in a folder of its own beside the inputs, which are at `../`.
  let arguments: [String]
  /// Files that in the end have the bytes of an undisturbed run.
  let results: [String]
  /// Puts an earlier state into the folder.
  let prepare: (URL) throws -> Void
  /// Checks what a kill left in the folder, and says whether the command had come to its end.
  let isDone: (URL) throws -> Bool

  init(
    _ arguments: [String], results: [String], prepare: @escaping (URL) throws -> Void = { _ in },
    isDone: @escaping (URL) throws -> Bool
  ) {
    self.arguments = arguments
    self.results = results
    self.prepare = prepare
    self.isDone = isDone
  }

  /// Kills as many runs, each at a moment drawn uniformly from the time that an undisturbed one takes.
  func run(in place: Workplace, kills: Int, seed: UInt64) throws {
    let whole = try folder("whole", in: place)
    // The first warms the machine up.
    try place.succeed(["--version"])
    let start = ContinuousClock.now
    let reference = try Program.run(arguments, in: whole)
    let duration = (ContinuousClock.now - start) / .seconds(1)
    try #require(reference.status == 0, "\(reference)")
    #expect(try isDone(whole))
    let expected = try results.map { try Data(contentsOf: whole.appending(path: $0)) }
    let names = try contents(of: whole)
    var generator = SeededGenerator(seed: seed)
    var hits = 0
    for attempt in 0..<kills {
      let folder = try folder("killed-\(attempt)", in: place)
      let moment = generator.uniform() * duration
      let program = try RunningProgram(arguments, in: folder)
      Thread.sleep(forTimeInterval: moment)
      program.send(SIGKILL)
      let status = try program.outcome().status
      if status == -SIGKILL { hits += 1 }
      let label: Comment = "kill \(attempt), after \(moment) of \(duration) s"
      // A kill between the last file's name and the end may leave a lock, which the next run removes.
      if try !isDone(folder) || contents(of: folder) != names {
        #expect(status == -SIGKILL, label)
        let next = try Program.run(arguments, in: folder)
        try #require(next.status == 0, "\(label.rawValue): \(next)")
      }
      #expect(try isDone(folder), label)
      for (name, bytes) in zip(results, expected) {
        #expect(
          try Data(contentsOf: folder.appending(path: name)) == bytes,
          "\(label.rawValue): \(name)")
      }
      #expect(try contents(of: folder) == names, label)
      try FileManager.default.removeItem(at: folder)
    }
    // Else they would not have come in the middle of work.
    #expect(hits >= kills / 5, "\(hits) of \(kills) came before the end")
  }

  private func folder(_ name: String, in place: Workplace) throws -> URL {
    try place.makeFolder(name)
    try prepare(place.file(name))
    return place.file(name)
  }

  /// All that is there, temporary files too.
  private func contents(of folder: URL) throws -> [String] {
    try FileManager.default.subpathsOfDirectory(atPath: folder.path).sorted()
  }
}
