extension Chart {
  /// An axis: what it measures, and how.
  package struct Axis: Equatable, Sendable {
    /// How numbers become places.
    package enum Scale: Equatable, Sendable {
      /// Equal differences, equal lengths.
      case linear
      /// Equal ratios, equal lengths; for positive numbers.
      case logarithmic
      /// Names side by side; the coordinate of a point is the number of its name, from 0. For x only.
      case categories([String])
    }

    /// How the numbers at the ticks are written.
    package enum Numbers: Equatable, Sendable {
      /// As decimals, with a power of ten where they would be long.
      case plain
      /// As hundredths: 0.25 is 25%.
      case percent
      /// As times, given in seconds.
      case seconds
      /// As sizes, given in bytes.
      case bytes
    }

    /// What it measures, with its unit.
    package var label: String
    package var scale: Scale
    /// From where to where it goes; nil for round numbers around the data.
    ///
    /// Points outside are counted in a line below the title, lines are cut.
    package var range: ClosedRange<Double>?
    package var numbers: Numbers
    /// The numbers that stand at ticks, for data at a few places; nil for round numbers.
    package var places: [Double]?

    package init(
      _ label: String, scale: Scale = .linear, range: ClosedRange<Double>? = nil,
      numbers: Numbers = .plain, at places: [Double]? = nil
    ) {
      self.label = label
      self.scale = scale
      self.range = range
      self.numbers = numbers
      self.places = places
    }

    var categories: [String]? {
      if case .categories(let names) = scale { names } else { nil }
    }
  }
}
