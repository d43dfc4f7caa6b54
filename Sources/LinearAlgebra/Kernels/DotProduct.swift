/// The inner product of two vectors of `Float`, with products and sum in `Double`.
///
/// BLAS's `sdot` sums in single precision; norms and dampings must not. Eight lanes of two
/// accumulators keep the additions independent, so the loop runs at the speed of memory.
@unsafe
func dotProduct(_ x: UnsafePointer<Float>?, _ y: UnsafePointer<Float>?, count: Int) -> Double {
  guard count > 0, let x = unsafe UnsafeRawPointer(x), let y = unsafe UnsafeRawPointer(y) else {
    return 0
  }
  let size = MemoryLayout<Float>.stride
  var first = SIMD8<Double>.zero
  var second = SIMD8<Double>.zero
  var index = 0
  while index + 16 <= count {
    let byte = index * size
    let x0 = unsafe SIMD8<Double>(x.loadUnaligned(fromByteOffset: byte, as: SIMD8<Float>.self))
    let y0 = unsafe SIMD8<Double>(y.loadUnaligned(fromByteOffset: byte, as: SIMD8<Float>.self))
    let x1 = unsafe SIMD8<Double>(x.loadUnaligned(fromByteOffset: byte + 32, as: SIMD8<Float>.self))
    let y1 = unsafe SIMD8<Double>(y.loadUnaligned(fromByteOffset: byte + 32, as: SIMD8<Float>.self))
    first += x0 * y0
    second += x1 * y1
    index += 16
  }
  var sum = (first + second).sum()
  while index < count {
    sum +=
      unsafe Double(x.loadUnaligned(fromByteOffset: index * size, as: Float.self))
      * Double(y.loadUnaligned(fromByteOffset: index * size, as: Float.self))
    index += 1
  }
  return sum
}

/// The inner product of two vectors of `Double`.
@unsafe
func dotProduct(_ x: UnsafePointer<Double>?, _ y: UnsafePointer<Double>?, count: Int) -> Double {
  guard count > 0, let x = unsafe UnsafeRawPointer(x), let y = unsafe UnsafeRawPointer(y) else {
    return 0
  }
  let size = MemoryLayout<Double>.stride
  var first = SIMD8<Double>.zero
  var second = SIMD8<Double>.zero
  var index = 0
  while index + 16 <= count {
    let byte = index * size
    first +=
      unsafe x.loadUnaligned(fromByteOffset: byte, as: SIMD8<Double>.self)
      * y.loadUnaligned(fromByteOffset: byte, as: SIMD8<Double>.self)
    second +=
      unsafe x.loadUnaligned(fromByteOffset: byte + 64, as: SIMD8<Double>.self)
      * y.loadUnaligned(fromByteOffset: byte + 64, as: SIMD8<Double>.self)
    index += 16
  }
  var sum = (first + second).sum()
  while index < count {
    sum +=
      unsafe x.loadUnaligned(fromByteOffset: index * size, as: Double.self)
      * y.loadUnaligned(fromByteOffset: index * size, as: Double.self)
    index += 1
  }
  return sum
}
