/// How one number is stored: IEEE 754 binary16, binary32 and binary64, or bfloat16; little-endian.
public enum ElementType: String, Sendable, Hashable, CaseIterable {
  /// IEEE half precision: 11 significant bits, largest finite value 65,504.
  case float16
  /// The upper half of a `Float`: 8 significant bits, the range of `Float`.
  case bfloat16
  /// `Float`.
  case float32
  /// `Double`.
  case float64

  /// Bytes that one element takes.
  public var byteCount: Int {
    switch self {
    case .float16, .bfloat16: 2
    case .float32: 4
    case .float64: 8
    }
  }

  /// numpy's name for the type, as in `numpy.dtype(...).name`: `float32`.
  public var name: String { rawValue }

  /// The `descr` of a `.npy` file, as in `<f4`; nil for bfloat16, which numpy does not have.
  public var numpyDescriptor: String? {
    switch self {
    case .float16: "<f2"
    case .bfloat16: nil
    case .float32: "<f4"
    case .float64: "<f8"
    }
  }

  /// The `dtype` of a `.safetensors` file, as in `F32`.
  public var safetensorsName: String {
    switch self {
    case .float16: "F16"
    case .bfloat16: "BF16"
    case .float32: "F32"
    case .float64: "F64"
    }
  }

  /// The type that numpy calls `name`: `float32`, `<f4`, `=f4`, `|f4` or `f4`.
  ///
  /// Nil for any other name, big-endian ones included.
  public init?(numpy name: String) {
    if let type = ElementType(rawValue: name) {
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
    guard let type = Self.allCases.first(where: { $0.safetensorsName == name }) else { return nil }
    self = type
  }
}

extension ElementType: CustomStringConvertible {
  /// numpy's name: `float32`.
  public var description: String { rawValue }
}
