public import Gradients
import LinearAlgebra

/// How fast this machine multiplies and reads, measured in about two seconds.
public struct MachineCalibration: Sendable {
  /// Operations a second of large products in single precision.
  public var singleRate: Double
  /// Operations a second of large products in double precision.
  public var doubleRate: Double
  /// Operations a second of ten rows times many, in single precision.
  public var skinnyRate: Double
  /// Bytes a second that a product of one row reads from memory.
  public var memoryRate: Double
  /// What reading the store's files gave; nil where there was no store.
  public var disk: DiskRate?
  /// Seconds that the measurement took.
  public var seconds: Double = 0

  /// Makes a calibration of known rates.
  public init(
    singleRate: Double, doubleRate: Double, skinnyRate: Double, memoryRate: Double,
    disk: DiskRate? = nil
  ) {
    precondition(
      [singleRate, doubleRate, skinnyRate, memoryRate].allSatisfy { $0 > 0 }, "rates are positive")
    self.singleRate = singleRate
    self.doubleRate = doubleRate
    self.skinnyRate = skinnyRate
    self.memoryRate = memoryRate
    self.disk = disk
  }

  /// Measures this machine, on the threads that runs use.
  ///
  /// - Parameter store: Where up to 256 MB are read from, for the disk's rate; nil leaves it out.
  /// - Complexity: About two seconds, and 128 MiB of memory.
  public static func measure(readingFrom store: GradientStore? = nil) -> MachineCalibration {
    measure(readingFrom: store, seconds: 0.3)
  }

  /// Measures this machine in a third of a second, without a disk.
  package static func measureBriefly() -> MachineCalibration {
    measure(readingFrom: nil, seconds: 0.05)
  }

  private static func measure(
    readingFrom store: GradientStore?, seconds: Double
  ) -> MachineCalibration {
    let clock = ContinuousClock()
    let start = clock.now
    // 4096 rows of 8192 columns: more than caches hold.
    let rows = 4096
    let columns = 8192
    let gradients = Matrix<Float>(repeating: 0.5, rows: rows, columns: columns)
    let memory = rate(of: Double(rows * columns * 4), seconds) {
      _ = Matrix(product: gradients.view[rows: 0..<1], gradients.view.transposed)
    }
    let skinny = rate(of: OperationCount.products(m: 10, n: rows, d: columns), seconds) {
      _ = Matrix(product: gradients.view[rows: 0..<10], gradients.view.transposed)
    }
    var calibration = MachineCalibration(
      singleRate: square(order: 1536, Float.self, seconds),
      doubleRate: square(order: 1024, Double.self, seconds), skinnyRate: skinny,
      memoryRate: memory, disk: store.flatMap { DiskRate(readingFrom: $0.filePaths) })
    calibration.seconds = (clock.now - start).inSeconds
    return calibration
  }

  private static func square<Element: Scalar>(
    order: Int, _ type: Element.Type, _ seconds: Double
  ) -> Double {
    let matrix = Matrix<Element>(repeating: 0.5, rows: order, columns: order)
    return rate(of: OperationCount.products(m: order, n: order, d: order), seconds) {
      _ = Matrix(product: matrix.view, matrix.view)
    }
  }

  /// Units a second: the best of as many runs as fit into some seconds, after one to warm up.
  private static func rate(of units: Double, _ seconds: Double, _ body: () -> Void) -> Double {
    body()
    let clock = ContinuousClock()
    let start = clock.now
    var best = Double.infinity
    repeat {
      best = min(best, max(clock.measure(body).inSeconds, 1e-9))
    } while (clock.now - start).inSeconds < seconds
    return units / best
  }
}

extension MachineCalibration {
  /// What a stage waits for.
  public enum Limit: String, Sendable, CaseIterable {
    /// Reading the store's files.
    case disk
    /// Reading memory.
    case memory
    /// Multiplying.
    case arithmetic
  }

  /// How long a stage takes, and why.
  public struct StageTime: Sendable {
    /// Which stage.
    public let stage: RunStage.Name
    /// Expected seconds.
    public let seconds: Double
    /// What it waits for.
    public let limit: Limit
  }

  /// How long a run takes.
  public struct RunTime: Sendable {
    /// Its stages.
    public let stages: [StageTime]
    /// All stages, one after the other.
    public var seconds: Double { stages.reduce(0) { $0 + $1.seconds } }
  }

  /// The expected time of a run: for each stage the longest of bytes over the disk's rate, bytes over
  /// the memory's rate and operations over their rates.
  ///
  /// A store that fits into the plan's memory budget is read from disk once, by the first stage; a
  /// larger one in every pass.
  ///
  /// - Parameters:
  ///   - plan: The run.
  ///   - isCached: Whether the store's files are in memory already, so that the disk does not matter.
  public func time(of plan: RunPlan, isCached: Bool = false) -> RunTime {
    let isSingle = plan.options.precision == .single
    let storeBytes = Double(plan.shape.storeBytes)
    let staysInMemory = plan.shape.storeBytes <= plan.options.memoryBudget
    var isFirst = true
    let stages = plan.stages.map { stage -> StageTime in
      var diskSeconds = 0.0
      if let disk, !isCached, stage.storeBytes > 0 {
        let bytes =
          staysInMemory ? isFirst ? min(stage.storeBytes, storeBytes) : 0 : stage.storeBytes
        diskSeconds = bytes / disk.bytesPerSecond
        isFirst = false
      }
      let arithmetic =
        stage.productOperations / (isSingle ? singleRate : doubleRate)
        + stage.skinnyOperations / (isSingle ? skinnyRate : skinnyRate / 2)
        + stage.doubleOperations / doubleRate
      let candidates: [(Double, Limit)] = [
        (arithmetic, .arithmetic), (stage.memoryBytes / memoryRate, .memory), (diskSeconds, .disk),
      ]
      let longest = candidates.max { $0.0 < $1.0 } ?? (arithmetic, .arithmetic)
      return StageTime(stage: stage.name, seconds: longest.0, limit: longest.1)
    }
    return RunTime(stages: stages)
  }
}
