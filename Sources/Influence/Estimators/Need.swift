public import Gradients

/// What a method takes from a block of the training gradients, on one side or on both.
///
/// From these facts follow what a fit forms and keeps, what a plan counts, and what must lie beside the
/// gradients before a run starts.
public enum Need: Hashable, Sendable {
  /// The Gram matrix itself, K on the score side and F on the query side, whenever queries are scored.
  case gramMatrix
  /// The Gram matrix in the precision of products.
  case gramInProductPrecision
  /// The Cholesky factor of K + nλI or F + λI.
  case choleskyFactor
  /// The eigenvalues and eigenvectors of K or F.
  case eigenbasis
  /// The largest eigenvalue of K or F, estimated by power iteration.
  case largestEigenvalue
  /// Numbers that the fit makes by itself, by passes over the gradients or from companions, and that no
  /// kept fit can hold.
  case ownFit
  /// Passes over the gradients for every set of queries, with directions as large as the queries.
  case iteration
  /// The Kronecker factors of every block, from the model.
  case kroneckerFactors
  /// A second derivative of the training loss, from the model.
  case secondDerivative(StoredCurvature.SecondDerivative)
  /// What the optimizer knew when the training gradients were taken.
  case optimizerMoments
  /// The probability of the right class of every training example.
  case probabilities
  /// Gradients that were projected from both sides.
  case projectionFromBothSides

  /// Whether it is the Gram matrix, or computed from the Gram matrix alone.
  var isOfGram: Bool {
    switch self {
    case .gramMatrix, .gramInProductPrecision, .choleskyFactor, .eigenbasis, .largestEigenvalue:
      true
    default: false
    }
  }

  /// Whether it is what the model knows of its curvature.
  var isOfModel: Bool {
    switch self {
    case .kroneckerFactors, .secondDerivative: true
    default: false
    }
  }

  /// Whether it must be given beside the gradients of the training examples.
  public var isGivenBesideGradients: Bool {
    switch self {
    case .kroneckerFactors, .secondDerivative, .optimizerMoments, .probabilities,
      .projectionFromBothSides:
      true
    default: false
    }
  }
}

extension Need {
  /// What it is, as a phrase for people.
  public var phrase: String {
    switch self {
    case .gramMatrix, .gramInProductPrecision: "K or F"
    case .choleskyFactor: "the Cholesky factor of K + nλI or F + λI"
    case .eigenbasis: "the eigenvectors of K or F"
    case .largestEigenvalue: "the largest eigenvalue of K or F"
    case .ownFit: "numbers that the fit makes by itself"
    case .iteration: "passes for every set of queries"
    case .kroneckerFactors:
      "Kronecker factors of every block from the model, \(StoredCurvature.fileName)"
    case .secondDerivative(let matrix):
      "the matrix '\(matrix.rawValue)' from the model, \(StoredCurvature.fileName)"
    case .optimizerMoments:
      "the moments of the optimizer, \(OptimizerMoments.fileName)"
    case .probabilities:
      "the probability of each training example's class, \(LabelProbabilities.fileName)"
    case .projectionFromBothSides: "gradients that were projected from both sides"
    }
  }
}

extension Set<Need> {
  /// Whether the Gram matrix of a block must be formed.
  var takesGram: Bool { contains(where: \.isOfGram) }
}
