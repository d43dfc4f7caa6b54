public import LinearAlgebra
internal import RealModule

/// Features of images by whitened random patches, a convolution without training: with them, a small
/// network tells CIFAR-10's classes apart far better than by pixels.
///
/// After Coates and Ng, "The Importance of Encoding Versus Training with Sparse Coding and Vector
/// Quantization" (2011). Every s × s patch p of an image is set to mean 0 and deviation 1,
///
///     x = (p − mean p)/√(var p + 10)          on pixels from 0 to 255
///
/// and whitened, x̂ = W(x − x̄), W = (Σ + 0.1·I)^−½, with mean x̄ and covariance Σ of patches drawn from the fitted
/// images. Filters d are random whitened patches of length 1. A patch's answers max(0, ±d·x̂ − threshold) are
/// averaged over the four quarters of the image: 8 features a filter.
public struct PatchFeatures: Sendable, Equatable {
  /// How features are made.
  public struct Settings: Sendable, Hashable, Codable {
    /// The number of filters k.
    public var filters: Int
    /// The side s of a patch, in pixels.
    public var patchSize: Int
    /// What an answer must exceed to count.
    public var threshold: Double
    /// The number of patches that mean and covariance are taken from.
    public var samples: Int
    /// Decides the patches.
    public var seed: UInt64

    /// Collects the numbers; ``PatchFeatures/init(fitting:settings:)`` checks them.
    public init(
      filters: Int = 128, patchSize: Int = 6, threshold: Double = 0.5, samples: Int = 20_000,
      seed: UInt64 = 0
    ) {
      self.filters = filters
      self.patchSize = patchSize
      self.threshold = threshold
      self.samples = samples
      self.seed = seed
    }
  }

  /// How features are made.
  public let settings: Settings
  private let channels: Int
  /// Wᵀd of each filter, `k × channels·s²`: an answer is this times x.
  private let filters: Matrix<Float>
  /// −d·W·x̄ of each filter.
  private let offsets: [Float]

  /// The number of features: 8 a filter.
  public var featureCount: Int { 8 * settings.filters }

  /// Draws the patches.
  ///
  /// - Parameters:
  ///   - images: Training images, at least twice as large as a patch in both directions.
  ///   - settings: How features are made.
  /// - Throws: ``DataError/badSetting(name:value:allowed:)``,
  ///   ``DataFileError/imagesDoNotFit(path:size:needed:)``, or `FactorizationError`.
  /// - Complexity: D² operations per sampled patch and 9D³, D = channels · s².
  public init(fitting images: LabelledImages, settings: Settings = Settings()) throws {
    try DataError.check(settings.filters >= 1, "number of filters", settings.filters, "at least 1")
    try DataError.check(settings.patchSize >= 1, "patch size", settings.patchSize, "at least 1")
    try DataError.check(
      settings.threshold >= 0 && settings.threshold.isFinite, "threshold", settings.threshold,
      "a number from 0")
    try DataError.check(settings.samples >= 2, "number of patches", settings.samples, "at least 2")
    guard images.count > 0 else { throw DataError.noExamples }
    try Self.checkSize(of: images, patch: settings.patchSize)
    var generator = SeededGenerator(seed: settings.seed, stream: RandomStream.patches)
    func draw(_ count: Int) -> Matrix<Float> {
      let width = images.channels * settings.patchSize * settings.patchSize
      var elements: [Float] = []
      elements.reserveCapacity(count * width)
      for _ in 0..<count {
        images.appendPatch(
          of: generator.index(below: images.count),
          row: generator.index(below: images.height - settings.patchSize + 1),
          column: generator.index(below: images.width - settings.patchSize + 1),
          size: settings.patchSize, to: &elements)
      }
      return Matrix(rows: count, columns: width, elements: elements)
    }
    let patches = Matrix<Double>(converting: draw(settings.samples))
    let mean = patches.meanRow().elements
    var covariance = SymmetricAccumulator(order: patches.columns)
    covariance.add(gramOf: patches.transposed)
    var spread = covariance.matrix()
    spread.scale(by: 1 / Double(patches.rows))
    for row in 0..<spread.rows {
      for column in 0..<spread.columns { spread[row, column] -= mean[row] * mean[column] }
    }
    spread.addToDiagonal(0.1)
    let basis = try SymmetricEigendecomposition(decomposing: spread)
    // W = UᵀΛ^−½U with eigenvectors as rows of U.
    var scaled = basis.vectors
    scaled.scaleRows(by: basis.values.map { 1 / max($0, 0.05).squareRoot() })
    let whitening = Matrix(product: basis.vectors.transposed, scaled.view)

    var centred = Matrix<Double>(converting: draw(settings.filters))
    for row in 0..<centred.rows {
      for column in 0..<centred.columns { centred[row, column] -= mean[column] }
    }
    var directions = Matrix(product: centred.view, whitening.view)
    directions.scaleRows(
      by: directions.view.squaredRowNorms().map { $0 > 0 ? 1 / $0.squareRoot() : 0 })
    let folded = Matrix(product: directions.view, whitening.view)
    let shifts = Matrix(
      product: folded.view, Matrix(rows: mean.count, columns: 1, elements: mean).view)
    filters = Matrix<Float>(converting: folded)
    offsets = shifts.elements.map { Float(-$0) }
    channels = images.channels
    self.settings = settings
  }

  /// The features of images.
  ///
  /// - Parameters:
  ///   - images: Of as many channels as the fitted ones.
  ///   - type: The type of the features.
  /// - Returns: ``featureCount`` features an image: for each quarter (upper left, upper right, lower left, lower
  ///   right) the k filters' positive, then negative answers.
  /// - Throws: ``DataFileError/imagesDoNotFit(path:size:needed:)``, or ``DataError``.
  /// - Complexity: 2kD operations per patch: about 20 million for an image of CIFAR-10 with 128 filters.
  @specialized(where Element == Float)
  @specialized(where Element == Double)
  public func dataSet<Element: Scalar>(
    of images: LabelledImages, as type: Element.Type = Element.self
  ) throws -> TabularDataSet<Element> {
    try Self.checkSize(of: images, patch: settings.patchSize)
    guard images.channels == channels else {
      throw DataFileError.imagesDoNotFit(
        path: images.path, size: [images.channels, images.height, images.width],
        needed: "give images of \(channels) channels, as the filters are made for")
    }
    let group = 16
    let pieces = try Parallelism.map((images.count + group - 1) / group) { piece -> [Float] in
      let rows = piece * group..<min(images.count, (piece + 1) * group)
      var features: [Float] = []
      features.reserveCapacity(rows.count * featureCount)
      for row in rows { append(features: images, row, to: &features) }
      return features
    }
    let elements = pieces.flatMap { piece in piece.map { Element($0) } }
    return try TabularDataSet(
      features: Matrix(rows: images.count, columns: featureCount, elements: elements),
      labels: images.labels, classCount: images.classCount, ids: images.ids)
  }

  private func append(features images: LabelledImages, _ image: Int, to result: inout [Float]) {
    let size = settings.patchSize
    let (rows, columns) = (images.height - size + 1, images.width - size + 1)
    var patches: [Float] = []
    patches.reserveCapacity(rows * columns * filters.columns)
    for row in 0..<rows {
      for column in 0..<columns {
        images.appendPatch(of: image, row: row, column: column, size: size, to: &patches)
      }
    }
    let answers = Matrix(
      product: Matrix(rows: rows * columns, columns: filters.columns, elements: patches).view,
      filters.transposed
    ).elements
    let count = settings.filters
    let threshold = Float(settings.threshold)
    var sums = [Float](repeating: 0, count: featureCount)
    for row in 0..<rows {
      for column in 0..<columns {
        let quarter = (2 * row < rows ? 0 : 2) + (2 * column < columns ? 0 : 1)
        let (first, start) = (quarter * 2 * count, (row * columns + column) * count)
        for filter in 0..<count {
          let answer = answers[start + filter] + offsets[filter]
          sums[first + filter] += max(0, answer - threshold)
          sums[first + count + filter] += max(0, -answer - threshold)
        }
      }
    }
    let (upper, left) = ((rows + 1) / 2, (columns + 1) / 2)
    for (quarter, area) in [
      upper * left, upper * (columns - left), (rows - upper) * left,
      (rows - upper) * (columns - left),
    ].enumerated() {
      let scale = 1 / Float(area)
      for index in quarter * 2 * count..<(quarter + 1) * 2 * count {
        result.append(sums[index] * scale)
      }
    }
  }

  private static func checkSize(of images: LabelledImages, patch: Int) throws(DataFileError) {
    // Two positions in each direction, so that no quarter is empty.
    guard images.height > patch, images.width > patch else {
      throw .imagesDoNotFit(
        path: images.path, size: [images.height, images.width],
        needed: "take patches of less than \(min(images.height, images.width)) pixels a side")
    }
  }
}

extension LabelledImages {
  /// Adds a patch of an image, at mean 0 and deviation 1, channel by channel and row by row.
  func appendPatch(
    of image: Int, row: Int, column: Int, size: Int, to elements: inout [Float]
  ) {
    let start = elements.count
    var (sum, squares) = (0, 0)
    for channel in 0..<channels {
      for y in row..<row + size {
        let first = ((image * channels + channel) * height + y) * width + column
        for index in first..<first + size {
          let value = Int(pixels[index])
          sum += value
          squares += value * value
          elements.append(Float(value))
        }
      }
    }
    let count = Float(elements.count - start)
    let mean = Float(sum) / count
    let variance = max(0, Float(squares) / count - mean * mean)
    let scale = 1 / (variance + 10).squareRoot()
    for index in start..<elements.count { elements[index] = (elements[index] - mean) * scale }
  }
}
