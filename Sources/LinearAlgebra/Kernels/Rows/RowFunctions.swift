internal import CKernels

/// What the layers of a transformer do between their products, for one type of numbers; see `row_functions.h`.
@unsafe
struct RowFunctions<Element>: @unchecked Sendable {
  typealias Input = UnsafePointer<Element>?
  typealias Output = UnsafeMutablePointer<Element>?

  let softmax: (Output, Int, Int, Int, Int, Int, Output) -> Void
  let softmaxFromSums: (Output, Int, Int, Int, Int, Int, Input) -> Void
  let softmaxBackward: (Output, Input, Int, Int, Int, Input, Element) -> Void
  let rowDots: (Input, Input, Int, Int, Int, Output) -> Void
  let normalize: (Input, Int, Int, Input, Input, Bool, Element, Output, Output) -> Void
  let normalizeBackward: (Input, Input, Int, Int, Input, Bool, Input, Output) -> Void
  let activate: (influence_activation, Input, Input, Output, Int) -> Void
  let activateBackward: (influence_activation, Output, Output, Input, Int) -> Void
  let rotate: (Output, Int, Int, Int, Int, UnsafePointer<Int32>?, Input, Input, Element) -> Void
  let measure:
    (
      influence_measure, Output, Int, Int, UnsafePointer<Int32>?, Input,
      UnsafeMutablePointer<Double>?
    ) -> Void
  let addRow: (Output, Int, Int, Input) -> Void
  let drop: (Output, Int, UInt64, UInt64, UInt64, UInt32, Element) -> Void
}

extension RowFunctions<Float> {
  /// Those with the given instructions.
  static func with(_ instructions: VectorInstructions) -> RowFunctions {
    let table = unsafe influence_single(instructions.code).pointee
    return unsafe RowFunctions(
      softmax: table.softmax, softmaxFromSums: table.softmax_from_sums,
      softmaxBackward: table.softmax_backward, rowDots: table.row_dots,
      normalize: table.normalize, normalizeBackward: table.normalize_backward,
      activate: table.activate, activateBackward: table.activate_backward, rotate: table.rotate,
      measure: table.measure, addRow: table.add_row, drop: table.drop)
  }
}

extension RowFunctions<Double> {
  static func make() -> RowFunctions {
    let table = unsafe influence_double().pointee
    return unsafe RowFunctions(
      softmax: table.softmax, softmaxFromSums: table.softmax_from_sums,
      softmaxBackward: table.softmax_backward, rowDots: table.row_dots,
      normalize: table.normalize, normalizeBackward: table.normalize_backward,
      activate: table.activate, activateBackward: table.activate_backward, rotate: table.rotate,
      measure: table.measure, addRow: table.add_row, drop: table.drop)
  }
}
