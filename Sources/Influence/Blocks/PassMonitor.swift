import Gradients
import Synchronization

/// Stands beside the passes of one stage: reads ahead of them, counts their work, reports progress.
final class PassMonitor: Sendable {
  private let stage: String
  private let progress: ProgressHandler?
  private let meter: RunMeter?
  private let readAhead: ReadAhead?
  /// Bytes of a row in each block, as they are stored.
  private let rowBytes: [Int]
  /// Bytes that the stage is expected to read; 0 where nobody can say.
  private let expectedBytes: Double
  private let bytes = Mutex(0)

  /// - Parameters:
  ///   - stage: What progress is called.
  ///   - store: The training gradients.
  ///   - blocks: Those that passes will read, in the layout's order.
  ///   - blocksAtATime: How many are worked on together.
  ///   - readsAhead: Whether blocks are read one after the other, so that they can be read ahead.
  ///   - expectedBytes: What the stage is expected to read in all passes; 0 where nobody can say.
  ///   - meter: Where work is counted.
  ///   - progress: Called as rows are done.
  init(
    stage: String, of store: GradientStore, blocks: [Int], blocksAtATime: Int,
    readsAhead: Bool = true, expectedBytes: Double, meter: RunMeter?, progress: ProgressHandler?
  ) {
    self.stage = stage
    self.meter = meter
    self.progress = progress
    self.expectedBytes = expectedBytes
    rowBytes = store.layout.blocks.indices.map { store.bytesPerRow(ofBlock: $0) }
    let waves = stride(from: 0, to: blocks.count, by: max(1, blocksAtATime)).map {
      Array(blocks[$0..<min(blocks.count, $0 + max(1, blocksAtATime))])
    }
    readAhead = readsAhead ? ReadAhead(store, waves: waves) : nil
    progress?(stage, 0)
  }

  /// Waits until rows can be read from memory.
  func willRead(_ rows: Range<Int>, ofBlock block: Int) {
    readAhead?.wait(forBlock: block, rowsBefore: rows.upperBound)
  }

  /// Counts rows that were read, and what was computed of them.
  ///
  /// - Parameters:
  ///   - rows: The rows.
  ///   - block: Of which block.
  ///   - share: The share of the block's columns.
  ///   - operations: Of products with these rows.
  func didRead(
    _ rows: Range<Int>, ofBlock block: Int, share: Double = 1, operations: Double
  ) {
    readAhead?.used(block: block, rowsBefore: rows.upperBound)
    let count = Int(Double(rows.count * rowBytes[block]) * share)
    let operations = Int(min(0x1p61, operations))
    meter?.add(bytes: count, operations: operations)
    guard let progress, expectedBytes > 0 else { return }
    // Blocks are read side by side; a fraction is told before the next one can be.
    bytes.withLock { done in
      done += count
      // The last step is the stage's own: an iteration may take more passes than was expected.
      progress(stage, min(0.99, Double(done) / expectedBytes))
    }
  }

  /// Ends reading ahead.
  func finish() {
    if let readAhead {
      readAhead.stop()
      meter?.addReading(seconds: readAhead.secondsReading)
    }
    progress?(stage, 1)
  }
}
