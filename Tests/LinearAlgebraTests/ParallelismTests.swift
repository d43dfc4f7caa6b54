import LinearAlgebra
import Synchronization
import TestSupport
import Testing

/// Tests that set the number of threads do so in a process of their own, since all tests share it.
@Suite("Parallel work")
struct ParallelismTests {
  struct Failure: Error, Equatable {
    let index: Int
  }

  @Test("The number of threads is every core unless it is set")
  func threadCount() async {
    #expect(Parallelism.coreCount >= 1)
    await #expect(processExitsWith: .success) {
      try #require(Parallelism.threads == Parallelism.coreCount)
      Parallelism.threads = 3
      try #require(Parallelism.threads == 3)
      Parallelism.threads = 0
      try #require(Parallelism.threads == Parallelism.coreCount)
      Parallelism.threads = -1
      try #require(Parallelism.threads == Parallelism.coreCount)
    }
  }

  @Test("Each piece runs once, with one thread, a few, and more than there is work")
  func eachOnce() async {
    await #expect(processExitsWith: .success) {
      for threads in [1, 2, 7, 100] {
        Parallelism.threads = threads
        for count in [-1, 0, 1, 2, 50, 1000] {
          let sum = Atomic(0)
          let calls = Atomic(0)
          Parallelism.forEach(count) { index in
            sum.wrappingAdd(index, ordering: .relaxed)
            calls.wrappingAdd(1, ordering: .relaxed)
          }
          try #require(calls.load(ordering: .relaxed) == max(count, 0))
          try #require(count < 1 || sum.load(ordering: .relaxed) == count * (count - 1) / 2)
        }
      }
    }
  }

  @Test("Pieces run at the same time")
  func concurrent() async {
    await #expect(processExitsWith: .success) {
      // Two pieces that each wait for the other end only if both run.
      Parallelism.threads = 2
      let arrived = Atomic(0)
      Parallelism.forEach(2) { _ in
        arrived.wrappingAdd(1, ordering: .sequentiallyConsistent)
        while arrived.load(ordering: .sequentiallyConsistent) < 2 {}
      }
    }
  }

  @Test("Results come in order")
  func order() throws {
    #expect(try Parallelism.map(1000) { $0 * $0 } == (0..<1000).map { $0 * $0 })
    #expect(try Parallelism.map(0) { $0 } == [])
  }

  @Test("The error of the first failing piece is thrown, whichever failed first in time")
  func firstError() async {
    #expect(throws: Failure(index: 3)) {
      try Parallelism.map(20) { index in
        if index % 4 == 3 { throw Failure(index: index) }
      }
    }
    await #expect(processExitsWith: .success) {
      Parallelism.threads = 2
      let hasFailed = Atomic(false)
      let error = #expect(throws: Failure.self) {
        try Parallelism.map(2) { index in
          if index == 0 { while !hasFailed.load(ordering: .acquiring) {} }
          defer { hasFailed.store(true, ordering: .releasing) }
          throw Failure(index: index)
        }
      }
      try #require(error == Failure(index: 0))
    }
  }

  @Test("update changes each element once")
  func update() {
    var numbers = Array(0..<777)
    Parallelism.update(&numbers) { index, number in number += 1000 * index }
    #expect(numbers == (0..<777).map { 1001 * $0 })
    var rows = [[Int]](repeating: [1], count: 100)
    Parallelism.update(&rows) { index, row in row.append(index) }
    #expect(rows == (0..<100).map { [1, $0] })
    var none: [Int] = []
    Parallelism.update(&none) { _, _ in Issue.record("nothing to update") }
  }

  @Test("Work inside a piece runs on the piece's thread, in order")
  func nested() async {
    #expect(!Parallelism.isNested)
    await #expect(processExitsWith: .success) {
      Parallelism.threads = 4
      let found = try Parallelism.map(8) { outer in
        let isNested = Parallelism.isNested
        let seen = Mutex<[Int]>([])
        Parallelism.forEach(10) { inner in seen.withLock { $0.append(10 * outer + inner) } }
        return (isNested, seen.withLock { $0 })
      }
      for (outer, (isNested, numbers)) in found.enumerated() {
        try #require(isNested)
        try #require(numbers == (0..<10).map { 10 * outer + $0 })
      }
      try #require(!Parallelism.isNested)
    }
  }

  @Test("A product inside a piece gives what it gives outside")
  func productInside() throws {
    var generator = SeededGenerator(seed: 101)
    let a = Matrix<Double>.smallIntegers(130, 70, using: &generator)
    let b = Matrix<Double>.smallIntegers(70, 200, using: &generator)
    let expected = Naive.product(a, b)
    for found in try Parallelism.map(6, { _ in Matrix(product: a.view, b.view) }) {
      #expect(found == expected)
    }
  }
}
