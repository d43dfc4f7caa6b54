internal import OrderedCollections
internal import TensorFiles

extension InnerProductEnsemble {
  /// What is measured of one seed: without ensembles, or of ensembles from one source of members.
  enum Result: Codable, Sendable {
    case baselines(Baselines)
    case ensembles(Ensembles)

    /// Reads either, by the field that only one of them has.
    init(from decoder: any Decoder) throws {
      let fields = try decoder.container(keyedBy: Ensembles.CodingKeys.self)
      self =
        fields.contains(.methods)
        ? .ensembles(try Ensembles(from: decoder)) : .baselines(try Baselines(from: decoder))
    }

    func encode(to encoder: any Encoder) throws {
      switch self {
      case .baselines(let baselines): try baselines.encode(to: encoder)
      case .ensembles(let ensembles): try ensembles.encode(to: encoder)
      }
    }
  }

  /// What there is without ensembles.
  struct Baselines: Codable, Sendable {
    var validationAccuracy: Double
    /// The test accuracy after training on all examples.
    var accuracy: Double
    /// The test accuracies after removals at random.
    var randomAccuracies: [Double]
    var flipped: [Int]
    /// The score of each example by one model, by method.
    var scores: OrderedDictionary<String, [Double]>
  }

  /// Ensembles of growing size, whose members come from one source.
  struct Ensembles: Codable, Sendable {
    var methods: OrderedDictionary<String, Method>
    /// How far the library's ensemble is from the mean taken here; nil where it was not asked.
    @NullWhenNil var ensembleDifference: Double?

    enum CodingKeys: String, CodingKey { case methods, ensembleDifference }

    /// The ensembles of one method.
    struct Method: Codable, Sendable {
      var ensembles: [Size]
      /// The variance of the mean of k members beyond member 0, for each size but the first.
      var variances: [Double]
      /// The test accuracy after trimming, for each size.
      var accuracies: [Double] = []
    }

    /// The ensembles of one size.
    struct Size: Codable, Sendable {
      var members: Int
      /// The area under the ROC curve of finding wrong labels, mean over draws.
      var auc: Double
      /// The rank correlation with the mean of very many members, mean over draws.
      var spearman: Double
    }
  }
}

extension ExperimentResults<InnerProductEnsemble> {
  /// What there is without ensembles, one for each seed.
  var baselines: [Kind.Baselines] {
    values(at: .baselines).compactMap { if case .baselines(let value) = $0 { value } else { nil } }
  }

  /// The ensembles from one source, one for each seed.
  func ensembles(from source: Kind.Source) -> [Kind.Ensembles] {
    values(at: .ensembles(source)).compactMap {
      if case .ensembles(let value) = $0 { value } else { nil }
    }
  }
}
