import Algorithms
import Dispatch
import Foundation
import Synchronization
import TensorFiles

/// Reads a store's files into the system's file cache ahead of the passes that need them.
///
/// Passes go through groups of blocks, one group after the other. This reads the same groups in the same
/// order, rows from first to last; the columns of a group in one row are one piece. A pass that is faster than
/// the disk waits here, rather than in page faults of a few kilobytes each. Nothing is copied, and what
/// is read can be dropped by the system at any time. Reading begins with the first wait, and only if
/// the files are not in memory already.
package final class ReadAhead: Sendable {
  private struct State {
    var isStarted = false
    var isStopped = false
    /// Groups that are read through.
    var group = 0
    /// Rows of the next group that are read.
    var rows = 0
    var bytesRead = 0
    var bytesUsed = 0
    /// For each block, the rows that passes have gone through.
    var used: [Int]
    var waiting: [(group: Int, rows: Int, semaphore: DispatchSemaphore)] = []
    var isReaderWaiting = false
    /// Time that reading took, without what the reader waited for passes.
    var reading = Duration.zero
  }

  private let store: GradientStore
  private let groups: [[Int]]
  /// The group of each block.
  private let groupOfBlock: [Int]
  /// Bytes of a row in each block.
  private let rowBytes: [Int]
  /// Bytes that may be read and not yet used: a share of the memory that is free for files.
  private let mostAhead: Int
  private let state: Mutex<State>
  private let readerMayGo = DispatchSemaphore(value: 0)

  /// Pieces of a row below this are read at a fraction of the disk's rate.
  private static let smallestPiece = 64 << 10
  /// Bytes that are asked for at a time, and how many requests are under way.
  private static let requestBytes = 8 << 20
  private static let requestsUnderWay = 4
  /// Pages that are looked at before reading begins.
  private static let pagesLookedAt = 1024

  /// Prepares to read.
  ///
  /// - Parameters:
  ///   - store: The gradients.
  ///   - waves: Blocks that are worked on together, in order.
  ///   - mostAhead: Bytes that may be read and not yet used; a third of the memory that the system could give to files, unless given.
  /// - Returns: Nil for gradients in memory.
  package init?(_ store: GradientStore, waves: [[Int]], mostAhead: Int? = nil) {
    let stored = store.shards.allSatisfy { $0.blocks.allSatisfy { !$0.storedMatrices.isEmpty } }
    guard stored, !store.shards.isEmpty, !waves.isEmpty else { return nil }
    let rowBytes = store.layout.blocks.indices.map { block in
      store.shards[0].blocks[block].storedMatrices.reduce(0) {
        $0 + $1.columns * $1.elementType.byteCount
      }
    }
    let mostAhead = mostAhead ?? Self.freeBytes / 3
    let groups = Self.groups(
      of: waves, bytes: rowBytes.map { $0 * store.count }, rowBytes, mostAhead)
    var groupOfBlock = [Int](repeating: 0, count: store.layout.count)
    for (index, group) in groups.enumerated() {
      for block in group { groupOfBlock[block] = index }
    }
    self.store = store
    self.groups = groups
    self.groupOfBlock = groupOfBlock
    self.rowBytes = rowBytes
    self.mostAhead = mostAhead
    state = Mutex(State(used: [Int](repeating: 0, count: store.layout.count)))
  }

  /// Blocks that are read together, in order.
  ///
  /// What fits well into memory is read in the order of the files: at the disk's best rate, and into large pages, so that the
  /// passes of this run and of later ones find it at the memory's rate. Of other stores waves whose pieces are small are
  /// read together, so that work on one wave goes beside reading the next.
  private static func groups(
    of waves: [[Int]], bytes: [Int], _ rowBytes: [Int], _ mostAhead: Int
  ) -> [[Int]] {
    let all = waves.flatMap { $0 }
    if all.reduce(0, { $0 + bytes[$1] }) < mostAhead / 2 { return [all] }
    var groups: [[Int]] = []
    for wave in waves where !wave.isEmpty {
      if let last = groups.last, last.reduce(0, { $0 + rowBytes[$1] }) < smallestPiece,
        last.reduce(0, { $0 + bytes[$1] }) < mostAhead / 4
      {
        groups[groups.count - 1] += wave
      } else {
        groups.append(wave)
      }
    }
    return groups
  }

  /// Waits until the rows of a block before `end` are in memory.
  package func wait(forBlock block: Int, rowsBefore end: Int) {
    let group = groupOfBlock[block]
    let semaphore = state.withLock { state -> DispatchSemaphore? in
      if !state.isStarted {
        state.isStarted = true
        start()
      }
      guard !state.isStopped, state.group < group || (state.group == group && state.rows < end)
      else { return nil }
      let semaphore = DispatchSemaphore(value: 0)
      state.waiting.append((group, end, semaphore))
      letReaderGo(&state)
      return semaphore
    }
    semaphore?.wait()
  }

  /// Tells that a pass has gone through the rows of a block before `end`.
  package func used(block: Int, rowsBefore end: Int) {
    state.withLock { state in
      guard end > state.used[block] else { return }
      state.bytesUsed += (end - state.used[block]) * rowBytes[block]
      state.used[block] = end
      if state.bytesRead - state.bytesUsed <= mostAhead { letReaderGo(&state) }
    }
  }

  /// Ends reading; nobody waits any more.
  package func stop() {
    state.withLock { state in
      state.isStopped = true
      for waiter in state.waiting { waiter.semaphore.signal() }
      state.waiting = []
      letReaderGo(&state)
    }
  }

  /// Seconds that reading has taken so far.
  package var secondsReading: Double { state.withLock { $0.reading / .seconds(1) } }

  private func start() {
    Thread.detachNewThread { [self] in
      if isMostlyInMemory() || groups.indices.allSatisfy(read) { stop() }
    }
  }

  /// Whether nearly all that passes will need is in memory, from a look at some pages of each part.
  ///
  /// A look at every page of a large file takes as long as a pass through it.
  private func isMostlyInMemory() -> Bool {
    var resident = 0
    var total = 0
    let strips = store.shards.flatMap { FileStrip.strips(of: groups.flatMap { $0 }, in: $0) }
    let most = max(Self.pagesLookedAt / max(1, strips.count), 16)
    for strip in strips {
      let pages = strip.matrix.map.residentPages(in: strip.matrix.byteRange, lookingAt: most)
      resident += pages.resident
      total += pages.total
    }
    return Double(resident) >= 0.98 * Double(total)
  }

  /// Reads one group; false when stopped.
  private func read(_ group: Int) -> Bool {
    let groupBytes = max(1, groups[group].reduce(0) { $0 + rowBytes[$1] })
    let step = max(1, Self.requestBytes / groupBytes)
    let clock = ContinuousClock()
    var began = clock.now
    func account() {
      let now = clock.now
      state.withLock { $0.reading += now - began }
    }
    var underWay: [(rows: Int, strips: [FileStrip], local: Range<Int>)] = []
    for shard in store.shards {
      let strips = FileStrip.strips(of: groups[group], in: shard)
      for strip in strips where strip.isWhole {
        strip.matrix.map.advise(.largePages, range: strip.matrix.byteRange)
      }
      for local in (0..<shard.rows.count).chunks(ofCount: step) {
        for strip in strips where !strip.isWhole {
          strip.forEachPiece(of: local) { $0.advise(.willNeed, range: $1) }
        }
        underWay.append((shard.rows.lowerBound + local.upperBound, strips, local))
        guard underWay.count > Self.requestsUnderWay else { continue }
        finish(underWay.removeFirst(), group, groupBytes)
        account()
        if !mayGoOn() { return false }
        began = clock.now
      }
    }
    for request in underWay { finish(request, group, groupBytes) }
    account()
    if !mayGoOn() { return false }
    state.withLock { state in
      state.group = group + 1
      state.rows = 0
      wake(&state)
    }
    return true
  }

  /// Reads a request, or waits for it by a look at the end of its pieces, and lets passes go on.
  private func finish(
    _ request: (rows: Int, strips: [FileStrip], local: Range<Int>), _ group: Int, _ groupBytes: Int
  ) {
    for strip in request.strips {
      strip.forEachPiece(of: request.local) { map, range in
        if strip.isWhole, map.load(range) { return }
        // A file that was cut short is found by the pass, which has an error for it.
        if range.upperBound <= map.count { _ = try? map.byte(at: range.upperBound - 1) }
      }
    }
    state.withLock { state in
      state.rows = request.rows
      state.bytesRead += request.local.count * groupBytes
      wake(&state)
    }
  }

  /// Waits for passes where they are far behind; false when stopped.
  private func mayGoOn() -> Bool {
    let mustWait = state.withLock { state -> Bool in
      state.isReaderWaiting =
        !state.isStopped && state.waiting.isEmpty
        && state.bytesRead - state.bytesUsed > mostAhead
      return state.isReaderWaiting
    }
    if mustWait { readerMayGo.wait() }
    return state.withLock { !$0.isStopped }
  }

  private func letReaderGo(_ state: inout State) {
    guard state.isReaderWaiting else { return }
    state.isReaderWaiting = false
    readerMayGo.signal()
  }

  private func wake(_ state: inout State) {
    let (group, rows) = (state.group, state.rows)
    state.waiting.removeAll { waiter in
      guard waiter.group < group || (waiter.group == group && waiter.rows <= rows) else {
        return false
      }
      waiter.semaphore.signal()
      return true
    }
  }

  /// Memory that the system could give to files.
  private static var freeBytes: Int {
    let text = try? String(contentsOfFile: "/proc/meminfo", encoding: .utf8)
    for line in (text ?? "").split(separator: "\n") where line.hasPrefix("MemAvailable:") {
      let number = line.split(separator: " ").dropFirst().first.flatMap { Int($0) }
      if let number { return number << 10 }
    }
    return Int(clamping: ProcessInfo.processInfo.physicalMemory / 2)
  }
}
