package import Gradients
package import TensorFiles

extension RunMeter.Work {
  /// How many times all gradients of a store were read.
  package func passes(through store: GradientStore) -> Double {
    let bytesPerPass = store.bytesPerPass
    return bytesPerPass > 0 ? Double(bytes) / Double(bytesPerPass) : 0
  }

  /// What a record says of the work.
  ///
  /// - Parameters:
  ///   - store: The store that passes went through.
  ///   - seconds: How long it took.
  package func record(on store: GradientStore, seconds: Double) -> OrderedJSON {
    [
      "passes": .number(passes(through: store)), "bytes": .integer(bytes),
      "operations": .integer(operations), "seconds": .number(seconds),
      "seconds_reading_disk": .number(secondsReading),
    ]
  }
}
