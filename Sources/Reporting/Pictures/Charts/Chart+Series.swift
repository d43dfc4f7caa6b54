extension Chart {
  /// A point of a series.
  package struct Point: Equatable, Sendable {
    /// The horizontal coordinate; on an axis of categories the number of one.
    package var x: Double
    /// The vertical coordinate.
    package var y: Double
    /// The lower end of its interval, where it has one.
    package var lower: Double?
    /// The upper end of its interval.
    package var upper: Double?
    /// What its colour shows, where it has one; for scatter only.
    package var value: Double?

    /// Makes a point.
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
    /// How points are drawn.
    package enum Kind: Equatable, Sendable {
      /// Joined in the given order; intervals become a band. About nine points have markers.
      case line
      /// Points are joined by lines, without markers.
      case plainLine
      /// Each point is a marker.
      case scatter
      /// Bars from zero (on a logarithmic axis: from its lower end), those of several series side by side;
      /// intervals become error bars. The x axis has categories.
      case bars
      /// One marker each with its interval as an error bar; side by side on an axis of categories.
      case intervals
    }

    /// The name in the legend.
    ///
    /// In small multiples series of one name look the same.
    package var name: String
    /// How points are drawn.
    package var kind: Kind
    /// The points.
    package var points: [Point]
    /// Which look it has: a whole number from 0, where colours repeat after 8 and looks after 24.
    ///
    /// nil for the next free one.
    package var look: Int?

    /// Makes a series.
    package init(_ name: String, _ kind: Kind = .line, points: [Point], look: Int? = nil) {
      precondition((look ?? 0) >= 0, "look \(look ?? 0) is below 0")
      self.name = name
      self.kind = kind
      self.points = points
      self.look = look
    }
  }

  /// A grey line to compare with.
  package struct Reference: Equatable, Sendable {
    /// The course of the line.
    package enum Course: Equatable, Sendable {
      /// y = x.
      case identity
      /// A constant y.
      case horizontal(Double)
      /// A constant x.
      case vertical(Double)
      /// The line goes from point to point.
      case path([Point])
    }

    /// The course of the line.
    package var course: Course
    /// The name of the line in the legend.
    ///
    /// An empty label is not shown.
    package var label: String

    /// Makes a reference line.
    package init(_ course: Course, label: String = "") {
      self.course = course
      self.label = label
    }
  }
}
