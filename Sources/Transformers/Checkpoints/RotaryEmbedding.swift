import RealModule
import TensorFiles

/// How positions turn pairs of a head's numbers: pair j of d/2 turns by position · θ^(−2j/d), d the head's size.
public struct RotaryEmbedding: Sendable, Hashable {
  /// The base θ of the frequencies.
  public let theta: Double
  /// How the frequencies are changed for longer texts than the model was first trained on.
  public let scaling: Scaling

  /// A change of the frequencies.
  public enum Scaling: Sendable, Hashable {
    /// The frequencies as they are.
    case none
    /// Every frequency divided by the factor.
    case linear(factor: Double)
    /// As Llama 3.1 does: frequencies whose wavelength is more than `originalPositions / lowFrequencyFactor` are
    /// divided by the factor, those below `originalPositions / highFrequencyFactor` stay, and those between are
    /// interpolated.
    case llama3(
      factor: Double, lowFrequencyFactor: Double, highFrequencyFactor: Double,
      originalPositions: Int)
    /// Frequency j divided by the divisor j, of which there are half as many as numbers in a head.
    case divisors([Float])
  }

  /// Reads what a configuration says of rotary embeddings, in the older keys or in `rope_parameters`.
  init(_ keys: ConfigurationKeys, headSize: Int) throws {
    let parameters = try keys.object("rope_parameters")
    let scaling = try parameters ?? keys.object("rope_scaling")
    if let parameters, parameters.has("rope_theta") {
      theta = try parameters.positive("rope_theta")
    } else {
      theta = try keys.positive("rope_theta", default: 10_000)
    }
    for keys in [keys, parameters].compactMap(\.self) {
      try keys.require("partial_rotary_factor", toBe: 1)
    }
    if let divisors = keys.rotaryDivisors {
      guard divisors.count == headSize / 2, divisors.allSatisfy({ $0.isFinite && $0 > 0 }) else {
        throw TransformerError.invalidKey(
          path: keys.path, key: ConfigurationKeys.rotaryDivisorsKey,
          expected: "\(headSize / 2) positive numbers",
          found: "\(divisors.count) numbers from \(divisors.min() ?? 0) to \(divisors.max() ?? 0)")
      }
      self.scaling = .divisors(divisors)
    } else {
      self.scaling = try scaling.map { try Scaling($0) } ?? .none
    }
  }
}

extension RotaryEmbedding.Scaling {
  fileprivate init(_ keys: ConfigurationKeys) throws {
    let key = keys.has("rope_type") || !keys.has("type") ? "rope_type" : "type"
    let type = try keys.text(key)
    switch type {
    case "default", "none":
      self = .none
    case "linear":
      self = .linear(factor: try keys.positive("factor"))
    case "llama3":
      let low = try keys.positive("low_freq_factor")
      let high = try keys.positive("high_freq_factor")
      guard low < high else {
        throw keys.invalid("high_freq_factor", expected: "more than \(low)", found: "\(high)")
      }
      self = .llama3(
        factor: try keys.positive("factor"), lowFrequencyFactor: low, highFrequencyFactor: high,
        originalPositions: try keys.count("original_max_position_embeddings"))
    default:
      throw keys.unsupported(key, found: type, supported: "default, none, linear and llama3")
    }
  }
}

extension RotaryEmbedding {
  /// What each pair of a head's numbers turns by from one position to the next, in radians.
  ///
  /// - Parameter headSize: The numbers of a head, an even number.
  package func frequencies(headSize: Int) -> [Double] {
    (0..<headSize / 2).map { pair in
      let plain = 1 / Double.pow(theta, Double(2 * pair) / Double(headSize))
      switch scaling {
      case .none: return plain
      case .linear(let factor): return plain / factor
      case .divisors(let divisors): return plain / Double(divisors[pair])
      case .llama3(let factor, let low, let high, let original):
        let wavelength = 2 * Double.pi / plain
        if wavelength < Double(original) / high { return plain }
        if wavelength > Double(original) / low { return plain / factor }
        let share = (Double(original) / wavelength - low) / (high - low)
        return (1 - share) * plain / factor + share * plain
      }
    }
  }
}
