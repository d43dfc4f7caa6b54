internal import InfluenceKit

/// How far the numbers of a report can be trusted, as far as numbers say so.
package struct TrustPart: Sendable {
  /// How far methods are from each other, mean over queries.
  package struct Agreement: Sendable {
    package var methods: [String]
    /// Spearman's correlation; nil where no query has an order by both.
    package var spearman: [[Double?]]
    /// The share of the most helpful examples in common.
    package var topOverlap: [[Double?]]
    /// How many examples are the most helpful, of how many.
    package var topCount: Int, exampleCount: Int
    package var queryCount: Int

    package init(
      methods: [String], spearman: [[Double?]], topOverlap: [[Double?]], topCount: Int,
      exampleCount: Int, queryCount: Int
    ) {
      (self.methods, self.spearman, self.topOverlap) = (methods, spearman, topOverlap)
      (self.topCount, self.exampleCount, self.queryCount) = (topCount, exampleCount, queryCount)
    }
  }

  /// One damping of a sweep.
  package struct SweepPoint: Sendable {
    /// λ, or the share of the mean eigenvalue.
    package var value: Double
    package var isDefault: Bool, isRecommended: Bool, isBearable: Bool
    package var spearman: Double?, topOverlap: Double?
    package var effectiveDimension: Double, worstCondition: Double
  }

  /// Scores at several dampings.
  package struct Sweep: Sendable {
    package var method: String
    package var isAbsolute: Bool
    /// Ascending in λ.
    package var points: [SweepPoint]
    /// How many examples are the leading ones that `topOverlap` is of.
    package var topCount: Int
    package var reason: String
    package var isPlateau: Bool?
  }

  /// The eigenvalues of one block, thinned to what a picture shows.
  package struct Spectrum: Sendable {
    package var block: String
    package var damping: Double
    package var effectiveDimension: Double, most: Int
    /// The rank from 1, and the eigenvalue.
    package var eigenvalues: [(rank: Int, value: Double)]
  }

  /// How near a method came to the damped system's solution, and what it cost.
  package struct MethodCost: Sendable {
    package var method: String
    package var fitSeconds: Double?, scoreSeconds: Double?
    package var peakMemory: Int?
    package var medianResidual: Double?
    /// The most that any score can be off, and the largest score.
    package var errorBound: Double?, largestScore: Double?

    package init(
      method: String, fitSeconds: Double? = nil, scoreSeconds: Double? = nil,
      peakMemory: Int? = nil, medianResidual: Double? = nil, errorBound: Double? = nil,
      largestScore: Double? = nil
    ) {
      (self.method, self.fitSeconds, self.scoreSeconds) = (method, fitSeconds, scoreSeconds)
      (self.peakMemory, self.medianResidual) = (peakMemory, medianResidual)
      (self.errorBound, self.largestScore) = (errorBound, largestScore)
    }
  }

  package var agreement: Agreement?
  package var sweep: Sweep?
  package var spectra: [Spectrum] = []
  package var methods: [MethodCost] = []
  /// What the damping is, as people read it.
  package var damping: String?
  /// How many training examples the model contradicts, of how many; nil where that is unknown.
  package var contradicted: (count: Int, of: Int, flipped: Int?)?
  /// What the library warned of.
  package var warnings: [String] = []
  /// What was not computed, with the reason.
  package var leftOut: [(part: String, reason: String)] = []
  /// Seconds that the report took, and the most memory in bytes.
  package var seconds: Double?
  package var peakMemory: Int?

  package init() {}
}
