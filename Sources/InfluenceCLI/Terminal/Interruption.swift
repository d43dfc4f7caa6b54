import Dispatch
import Foundation
import InfluenceKit
import Synchronization

/// What ctrl-C (SIGINT) and SIGTERM do, for every command alike.
///
/// A signal may come at any moment, and ends the program at once: results appear under their names by
/// renaming, and stores grow by commits, so that the program need not wait for anything. Before it ends,
/// it clears the progress line, removes temporary files, and says in one line on standard error what is
/// left and how to go on. Commands say what is left with ``leaves(_:)``.
struct Interruption {
  private struct State {
    var account: @Sendable () -> String = { Interruption.nothing }
    var works: [Int: @Sendable () -> Void] = [:]
    var nextWork = 0
  }

  /// The account of a command that writes at its very end, or not at all.
  static let nothing = "nothing was written"

  private static let state = Mutex(State())
  /// Whoever holds it decides how the program ends; everyone else waits, if necessary for ever.
  private static let turn = DispatchSemaphore(value: 1)

  /// The exit code for input that is not any more what it was.
  private static let dataCode: Int32 = 65

  private let sources: [any DispatchSourceProtocol]

  /// Begins to listen, for as long as this value is kept.
  init() {
    // A reader that has seen enough, such as head, is no failure: what it does not read is dropped.
    signal(SIGPIPE, SIG_IGN)
    // A file past the size that the shell allows (`ulimit -f`) is an error of writing.
    signal(SIGXFSZ, SIG_IGN)
    let queue = DispatchQueue(label: "interruption", qos: .userInteractive)
    let signals: [any DispatchSourceProtocol] = [SIGINT, SIGTERM].map { number in
      #if !os(Linux)
        // There the source only watches, and the signal would end the program before it.
        signal(number, SIG_IGN)
      #endif
      let source = DispatchSource.makeSignalSource(signal: number, queue: queue)
      source.setEventHandler { Self.end(number) }
      source.activate()
      return source
    }
    // A page that a mapped file cannot give any more ends the program as a signal does.
    let lost = MemoryMap.watchForLostPages(status: Self.dataCode).map { descriptor in
      let source = DispatchSource.makeReadSource(fileDescriptor: descriptor, queue: queue)
      source.setEventHandler {
        if let error = MemoryMap.lostPage { Self.end(Self.dataCode) { "error: \(error)" } }
      }
      source.activate()
      return source
    }
    sources = signals + (lost.map { [$0] } ?? [])
  }

  /// Sets the account of what is left, half a sentence that is made at the moment of the interruption.
  static func leaves(_ account: @escaping @Sendable () -> String) {
    state.withLock { $0.account = account }
  }

  /// Sets the account of what is left.
  static func leaves(_ text: String) {
    leaves { text }
  }

  /// Adds work that is done before the program ends, unless ``forget(_:)`` is called first.
  static func before(_ work: @escaping @Sendable () -> Void) -> Int {
    state.withLock { state in
      state.nextWork += 1
      state.works[state.nextWork] = work
      return state.nextWork
    }
  }

  /// Takes back what ``before(_:)`` added.
  static func forget(_ work: Int) {
    state.withLock { $0.works[work] = nil }
  }

  /// Makes interruptions wait until ``allow()``, so that a step and the account of it are one.
  static func postpone() { turn.wait() }

  /// Lets interruptions in again.
  static func allow() { turn.signal() }

  /// Makes interruptions too late: the program ends by itself.
  static func finish() { turn.wait() }

  private static func end(_ number: Int32) {
    end(128 + number) {
      "stopped by \(number == SIGINT ? "SIGINT" : "SIGTERM"): \(state.withLock { $0.account }())"
    }
  }

  private static func end(_ code: Int32, saying line: () -> String) {
    turn.wait()
    AtomicFile.abandonAll()
    let works = state.withLock { $0.works }
    for work in works.sorted(by: { $0.key < $1.key }) { work.value() }
    Console.error(line())
    // Other threads still work: nothing of theirs may be torn down.
    _exit(code)
  }
}

extension Interruption {
  /// What is left of a store that is being written.
  static func leavesStore(_ path: String) {
    leaves {
      guard let manifest = try? StoreManifest(ofStoreAt: URL(filePath: path)) else {
        return nothing
      }
      return manifest.isComplete
        ? "\(path) is complete" : "\(path) has \(Counted(manifest.rows, "row")); \(resumption)"
    }
  }

  /// What is left of a directory of shards that is being written.
  static func leavesShards(_ split: StoreSplit, path: String) {
    leaves {
      if (try? GradientStore(opening: split.destination)) != nil { return "\(path) is complete" }
      guard let names = try? FileManager.default.contentsOfDirectory(atPath: split.unfinished.path)
      else { return nothing }
      let committed = names.compactMap { name in
        try? StoreManifest(ofStoreAt: split.unfinished.appending(path: name)).map(\.rows)
      }
      return "\(path).part has \(Counted(committed.reduce(0, +), "row")); \(resumption)"
    }
  }

  /// What is left of a fit that is being kept.
  static func leavesFit(_ path: String) {
    leaves {
      guard let manifest = try? FitManifest(ofFitAt: URL(filePath: path)) else { return nothing }
      let kept = manifest.blocks.count(where: \.isFitted)
      return manifest.isComplete
        ? "\(path) is complete"
        : "\(path) has \(kept) of \(manifest.blocks.count) blocks; \(resumption)"
    }
  }

  private static let resumption = "run the same command again to resume"
}
