/// How one number is stored: IEEE 754 binary16, binary32 and binary64, bfloat16, or an 8-bit integer
/// that stands for a multiple of a scale; little-endian.
public enum ElementType: String, Sendable, Hashable, CaseIterable {
  /// IEEE half precision: 11 significant bits, largest finite value 65,504.
  case float16
  /// The upper half of a `Float`: 8 significant bits, the range of `Float`.
  case bfloat16
  /// `Float`.
  case float32
  /// `Double`.
  case float64
  /// A signed integer q from −127 to 127, which means scale · q; the scale is kept elsewhere, so that
  /// only gradient stores have this type, and files of arrays and tensors do not.
  case int8

  /// The types whose numbers mean what they are without anything beside them.
  public static let floatingPoint: [ElementType] = [.float16, .bfloat16, .float32, .float64]

  /// Bytes that one element takes.
  public var byteCount: Int {
    switch self {
    case .int8: 1
    case .float16, .bfloat16: 2
    case .float32: 4
    case .float64: 8
    }
  }

  /// numpy's name for the type, as in `numpy.dtype(...).name`: `float32`.
  public var name: String { rawValue }

  /// The `descr` of a `.npy` file, as in `<f4`; nil for bfloat16, which numpy does not have,
  /// and for int8, whose numbers it would take for integers.
  public var numpyDescriptor: String? {
    switch self {
    case .float16: "<f2"
    case .bfloat16, .int8: nil
    case .float32: "<f4"
    case .float64: "<f8"
    }
  }

  /// The `dtype` of a `.safetensors` file, as in `F32`; nil for int8, whose scales it cannot hold.
  public var safetensorsName: String? {
    switch self {
    case .float16: "F16"
    case .bfloat16: "BF16"
    case .float32: "F32"
    case .float64: "F64"
    case .int8: nil
    }
  }

  /// The type that numpy calls `name`: `float32`, `<f4`, `=f4`, `|f4` or `f4`.
  ///
  /// Nil for any other name, big-endian ones and `int8` included: numpy's integers are no gradients.
  public init?(numpy name: String) {
    if let type = ElementType(rawValue: name), type != .int8 {
      self = type
      return
    }
    let code = name.first.map { "<=|".contains($0) } == true ? name.dropFirst() : name[...]
    switch code {
    case "f2": self = .float16
    case "f4": self = .float32
    case "f8": self = .float64
    default: return nil
    }
  }

  /// The type that safetensors calls `name`: `F16`, `BF16`, `F32` or `F64`; nil for any other name.
  public init?(safetensors name: String) {
    guard let type = Self.floatingPoint.first(where: { $0.safetensorsName == name }) else {
      return nil
    }
    self = type
  }
}

extension ElementType: CustomStringConvertible {
  /// numpy's name: `float32`.
  public var description: String { rawValue }
}
