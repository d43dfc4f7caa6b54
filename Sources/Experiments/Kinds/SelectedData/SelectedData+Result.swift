internal import OrderedCollections

extension SelectedData {
  struct Result: Codable, Sendable {
    /// The share of training labels that are wrong.
    var wrongShare: Double
    /// What comes of training on each choice of examples, by the choice's name.
    var choices: OrderedDictionary<String, Choice>
  }

  /// What comes of training on the best examples by one ranking: a number for each share that is kept.
  struct Choice: Codable, Sendable {
    /// On the test examples.
    var accuracies: [Double] = []
    /// The shares of wrong labels among the kept examples.
    var wrongShares: [Double] = []
    /// The shares of its examples that stay of the class that loses most.
    var leastClassShares: [Double] = []

    mutating func append(accuracy: Double, wrongShare: Double, leastClassShare: Double) {
      accuracies.append(accuracy)
      wrongShares.append(wrongShare)
      leastClassShares.append(leastClassShare)
    }

    /// The means over draws, where a number of draws of the first share stands before those of the next.
    func averaged(over draws: Int) -> Choice {
      func means(_ values: [Double]) -> [Double] {
        (0..<values.count / draws).map { share in
          values[share * draws..<(share + 1) * draws].reduce(0, +) / Double(draws)
        }
      }
      return Choice(
        accuracies: means(accuracies), wrongShares: means(wrongShares),
        leastClassShares: means(leastClassShares))
    }
  }
}
