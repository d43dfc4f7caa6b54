/// What a transformer is made of: sizes, functions and names, as its checkpoint says.
///
/// The same for every family. What a family does not have is nil, zero or false: BERT has no rotary
/// embedding, and Llama has no token types.
public struct ModelConfiguration: Sendable, Hashable {
  /// The family: `bert`, `roberta`, `llama` (Mistral too), `qwen2` or `gpt2`.
  public let family: String
  /// The numbers that stand for a token between layers.
  public let hiddenSize: Int
  /// The layers.
  public let layerCount: Int
  /// The heads of queries in each layer.
  public let headCount: Int
  /// The heads of keys and values, which groups of query heads share; as many as ``headCount`` where they do not.
  public let keyValueHeadCount: Int
  /// The numbers of a head.
  public let headSize: Int
  /// The numbers between the linear maps of a feed-forward layer.
  public let intermediateSize: Int
  /// The tokens of the vocabulary, those without use included.
  public let vocabularySize: Int
  /// The tokens of the longest text.
  public let positionCount: Int
  /// The types that tokens may have, as BERT tells two texts apart; 0 where there are none.
  public let tokenTypeCount: Int
  /// What is added to the variance, or to the mean square, that a normalization divides by.
  public let normEpsilon: Double
  /// The function of the feed-forward layers.
  public let activation: ModelActivation
  /// How positions turn queries and keys; nil for families that learn an embedding of each position.
  public let rotary: RotaryEmbedding?
  /// Whether the language-model head is the matrix of token embeddings.
  public let tiesHead: Bool
  /// Whether the maps to queries, keys and values have biases.
  public let hasAttentionBias: Bool
  /// Whether the map of the heads' results has a bias.
  public let hasAttentionOutputBias: Bool
  /// Whether the maps of the feed-forward layers have biases.
  public let hasFeedForwardBias: Bool
  /// What is dropped at random in training.
  public let dropout: ModelDropout
  /// The names of a classifier's labels; none for families that are not classifiers here.
  public internal(set) var labels: [String]
  /// Tokens with a meaning of their own.
  public let specialTokens: SpecialTokens
}

/// The shares of numbers that are dropped at random in training, each from 0 up to below 1.
public struct ModelDropout: Sendable, Hashable {
  /// Of what the embeddings make.
  public let embedding: Double
  /// Of what attention and the feed-forward part of each layer make.
  public let hidden: Double
  /// Of the weights by which tokens look at others.
  public let attention: Double
  /// Of what the head reads, and in RoBERTa's of what its first map makes too.
  public let classifier: Double

  package init(embedding: Double, hidden: Double, attention: Double, classifier: Double) {
    self.embedding = embedding
    self.hidden = hidden
    self.attention = attention
    self.classifier = classifier
  }
}
