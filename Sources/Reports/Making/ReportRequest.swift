package import InfluenceKit

/// What a report is made of.
package struct ReportRequest: Sendable {
  /// Splits scores of training examples for a query into the shares of their tokens.
  ///
  /// - Parameters:
  ///   - query: The row of the query.
  ///   - hits: Rows of training examples with their scores.
  ///   - Returns: The tokens of each example.
  package typealias TokenSource =
    @Sendable (_ query: Int, _ hits: [(example: Int, score: Double)]) throws -> [[QueryPart.Token]]

  /// What the report is called.
  package var title: String
  package var training: GradientStore
  package var trainingExamples: ReportExamples
  package var queries: GradientStore?
  package var queryExamples = ReportExamples()
  /// Methods with their settings, the one whose cards are shown first at the front; those of `standardMethods` that fit
  /// in memory unless given.
  package var methods: [String] = []
  package var options = CurvatureOptions()
  /// Rows whose labels are known to be wrong.
  package var flipped: Set<Int>?
  /// How many hits of each side a query shows.
  package var top = 6
  /// How many queries are shown.
  package var shownQueries = 30
  /// Suspects that were found already.
  package var suspects: Suspects?
  /// The names of the suspects' classes, in their order.
  package var classNames: [String] = []
  /// How suspects are found, unless they were already.
  package var suspectSettings = Suspects.Settings()
  /// Times, memory and residuals of methods that were measured each by itself.
  package var measured: [TrustPart.MethodCost] = []
  /// Where the tokens of hits come from.
  package var tokens: TokenSource?
  package var command: [String] = []
  /// What else is said of where the page comes from.
  package var facts: [(name: String, value: String)] = []

  package init(
    title: String, training: GradientStore, examples: ReportExamples, queries: GradientStore?
  ) {
    (self.title, self.training, self.trainingExamples) = (title, training, examples)
    self.queries = queries
  }

  /// The methods of a report unless they are named: what is exact, and what is cheap.
  package static let standardMethods = [
    ExactFisher.name, DataInf.name, HessianFree.name, Cosine.name,
  ]
}
