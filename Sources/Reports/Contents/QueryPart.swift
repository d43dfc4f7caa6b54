/// The queries that are shown, each with what helped and hurt it.
package struct QueryPart: Sendable {
  /// How the shown queries were chosen.
  package enum Order: Sendable {
    /// By their losses, the largest first.
    case loss
    /// As they stand in the store.
    case store
  }

  /// The number of queries m, of which some are shown.
  package var total: Int
  /// How many of them were scored: those that are shown, and the first of the others.
  package var scored: Int
  package var order: Order
  /// The shown queries, the hardest first where losses are known.
  package var shown: [Query]
  /// The methods, the one whose cards are shown first at the front.
  package var methods: [Method]
  /// The method that the others are held against; nil where there is none.
  package var reference: Int?
  /// The names of what scores are split into, from the first layer to the last; empty where there is one only.
  package var layers: [String]
  package var hasRepresentations: Bool
  /// Of the hits of all queries by the first method, the shares whose labels are known to be wrong; nil where none are known.
  package var flippedShares: (helpful: Double, harmful: Double)?
  /// How many queries the model gets wrong, of how many whose prediction is known.
  package var mistakes: (count: Int, of: Int)?
  /// How many dampings a hit was looked for at, and among how many of each side; nil without a sweep.
  package var steadiness: (dampings: Int, leading: Int)?

  /// A method by its name and as it was asked for.
  package struct Method: Sendable, Equatable {
    package var name: String
    package var specification: String

    package init(name: String, specification: String) {
      (self.name, self.specification) = (name, specification)
    }
  }

  /// One query.
  package struct Query: Sendable {
    package var row: Int
    package var example: ShownTexts.Example
    /// What the model says, where that is known.
    package var predicted: String?
    /// The place among all by loss, 1 for the largest; nil where losses are unknown.
    package var place: Int?
    /// One result per method.
    package var results: [Result]

    package init(
      row: Int, example: ShownTexts.Example, predicted: String?, place: Int?, results: [Result]
    ) {
      (self.row, self.example, self.predicted) = (row, example, predicted)
      (self.place, self.results) = (place, results)
    }

    /// Whether the model is known to be wrong.
    package var isMistake: Bool {
      predicted.map { predicted in example.label.map { $0 != predicted } ?? false } ?? false
    }
  }

  /// What one method says of one query.
  package struct Result: Sendable {
    package var histogram: ScoreHistogram
    /// The highest scores above zero, the highest first.
    package var helpful: [Hit]
    /// The lowest scores below zero, the lowest first.
    package var harmful: [Hit]
    /// Spearman's correlation with the reference on this query; nil for the reference itself, or where there is no order.
    package var correlation: Double?
    /// The hits' share of Σ|s|.
    package var hitShare: Double

    package init(
      histogram: ScoreHistogram, helpful: [Hit], harmful: [Hit], correlation: Double?,
      hitShare: Double
    ) {
      (self.histogram, self.helpful, self.harmful) = (histogram, helpful, harmful)
      (self.correlation, self.hitShare) = (correlation, hitShare)
    }

    /// The hits of both sides, the helpful first.
    package var hits: [Hit] { helpful + harmful }
  }

  /// A training example that stands out for a query.
  package struct Hit: Sendable {
    package var example: Int
    package var score: Double
    /// Its parts by layer, which sum to the score.
    package var layers: [Double]
    /// The place by the query's words; nil where it has none of them, or there are no texts.
    package var lexicalPlace: Int?
    /// The place by the cosine of representations.
    package var similarityPlace: Int?
    /// Whether the texts share a word that says what they are about; nil without texts.
    package var sharesContent: Bool?
    /// The place by each method, 1 for the most helpful.
    package var places: [Int]
    /// At how many dampings it is among the leading of its side.
    package var steadyAt: Int?
    /// The tokens of its text with their shares of the score; empty where they are unknown.
    package var tokens: [Token] = []

    package init(example: Int, score: Double, layers: [Double], places: [Int]) {
      (self.example, self.score, self.layers, self.places) = (example, score, layers, places)
    }

    /// Whether it stands out although it is like the query neither by words nor by meaning.
    ///
    /// - Parameter count: The number of training examples.
    package func isUnlike(among count: Int) -> Bool {
      sharesContent == false && similarityPlace.map { 2 * $0 > count } ?? false
    }
  }

  /// A token of a text, with the part of the score that came through it.
  package struct Token: Sendable, Equatable {
    package var text: String
    package var share: Double

    package init(text: String, share: Double) { (self.text, self.share) = (text, share) }
  }
}
