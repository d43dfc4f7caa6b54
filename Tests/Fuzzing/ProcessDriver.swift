import Foundation
import LinearAlgebra
import Synchronization

/// Reads seeds with random changes, where there is no libFuzzer that would be led by coverage.
///
/// Before each input is read it is kept as `last-input` in the current folder, so that what ends the program can be read again.
struct ProcessDriver {
  private let seeds: [[UInt8]]
  private var generator: SeededGenerator

  /// An input may take so many seconds.
  private static let patience = 5.0

  init(seeds folder: URL, seed: UInt64) throws {
    let names = try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
    seeds = try names.map { Array(try Data(contentsOf: folder.appending(path: $0))) }
    generator = SeededGenerator(seed: seed)
  }

  mutating func run(_ session: Session, seconds: Double) throws {
    let begun = Mutex(ContinuousClock.now)
    Thread.detachNewThread {
      while true {
        Thread.sleep(forTimeInterval: 0.5)
        let spent = (ContinuousClock.now - begun.withLock { $0 }) / .seconds(1)
        if spent > Self.patience { fatalError("an input took more than \(Self.patience) s") }
      }
    }
    let end = ContinuousClock.now + .seconds(seconds)
    var count = 0
    while ContinuousClock.now < end {
      let input = changed()
      try Data(input).write(to: URL(filePath: "last-input"))
      begun.withLock { $0 = .now }
      session.read(input)
      count += 1
    }
    print("\(session.name): \(count) inputs without a finding")
  }

  /// A seed with up to eight changes.
  private mutating func changed() -> [UInt8] {
    var bytes = seeds.randomElement(using: &generator) ?? []
    for _ in 0..<Int.random(in: 0...8, using: &generator) where !bytes.isEmpty {
      let place = Int.random(in: 0..<bytes.count, using: &generator)
      switch Int.random(in: 0..<6, using: &generator) {
      case 0: bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
      case 1: bytes[place] = UInt8.random(in: 0...255, using: &generator)
      case 2:
        bytes[place] = Array("0123456789,:{}[]()'\" -\n".utf8).randomElement(using: &generator) ?? 0
      case 3:
        bytes.removeSubrange(
          place..<min(bytes.count, place + Int.random(in: 1...16, using: &generator)))
      case 4: bytes.removeLast(Int.random(in: 0..<bytes.count, using: &generator))
      default:
        let end = min(bytes.count, place + Int.random(in: 1...16, using: &generator))
        bytes.insert(
          contentsOf: bytes[place..<end], at: Int.random(in: 0...bytes.count, using: &generator))
      }
    }
    return bytes
  }
}
