extension Chart {
  package struct Point: Equatable, Sendable {
    /// The horizontal coordinate; on an axis of categories the number of one.
    package var x: Double
    package var y: Double
    /// The lower end of its interval, where it has one.
    package var lower: Double?
    package var upper: Double?
    /// What its colour shows, where it has one; for scatter only.
    package var value: Double?

    package init(
      _ x: Double, _ y: Double, lower: Double? = nil, upper: Double? = nil, value: Double? = nil
    ) {
      self.x = x
      self.y = y
      self.lower = lower
      self.upper = upper
      self.value = value
    }
  }

  /// Points that belong together, and how they are drawn.
  package struct Series: Equatable, Sendable {
    package enum Kind: Equatable, Sendable {
      /// Joined in the given order; intervals become a band. About nine points have markers.
      case line
      case scatter
      /// Bars from zero (on a logarithmic axis: from its lower end), those of several series side by side;
      /// intervals become error bars. The x axis has categories.
      case bars
      /// One marker each with its interval as an error bar; side by side on an axis of categories.
      case intervals
    }

    /// The name in the legend; in small multiples series of one name look the same.
    package var name: String
    package var kind: Kind
    package var points: [Point]
    /// The width of a line in pixels.
    package var lineWidth = 2.0

    package init(_ name: String, _ kind: Kind = .line, points: [Point]) {
      self.name = name
      self.kind = kind
      self.points = points
    }
  }

  /// A grey line to compare with.
  package struct Reference: Equatable, Sendable {
    package enum Course: Equatable, Sendable {
      case identity
      case horizontal(Double)
      case path([Point])
    }

    package var course: Course
    /// The name of the line in the legend; not shown where it is empty.
    package var label: String

    package init(_ course: Course, label: String = "") {
      self.course = course
      self.label = label
    }
  }
}
