public import Foundation
public import LinearAlgebra

/// Images of one size with a class each, as bytes: MNIST, CIFAR-10 and what looks like them.
public struct LabelledImages: Sendable, Equatable {
  /// Where they were read from; what errors name.
  public let path: String
  /// The images, `n × channels × height × width`, 0 to 255.
  public let pixels: [UInt8]
  /// 1 for grey, 3 for red, green and blue.
  public let channels: Int
  /// The number of rows of an image.
  public let height: Int
  /// The number of columns of an image.
  public let width: Int
  /// The class of each image, in 0 ..< ``classCount``.
  public let labels: [Int]
  /// The number of classes.
  public let classCount: Int
  /// Where each image came from: its row in the files it was read from.
  public let ids: [Int]

  /// The number of images n.
  public var count: Int { labels.count }
  /// The number of bytes of an image.
  public var imageSize: Int { channels * height * width }
}

extension LabelledImages {
  /// Reads images and labels in the format of MNIST.
  ///
  /// - Parameters:
  ///   - images: A file of three dimensions: images, rows, columns.
  ///   - labels: A file of one dimension, as long.
  ///   - classCount: The number of classes.
  public init(idxImages images: URL, labels: URL, classCount: Int = 10) throws(DataFileError) {
    let pixels = try IDXFile(reading: images)
    let classes = try IDXFile(reading: labels)
    guard pixels.dimensions.count == 3 else {
      throw .wrongFormat(
        path: images.path, expected: "an idx file of 3 dimensions",
        found: "one of \(pixels.dimensions.count)")
    }
    guard classes.dimensions.count == 1 else {
      throw .wrongFormat(
        path: labels.path, expected: "an idx file of 1 dimension",
        found: "one of \(classes.dimensions.count)")
    }
    guard pixels.dimensions[0] == classes.dimensions[0] else {
      throw .differentCounts(
        path: images.path, count: pixels.dimensions[0], otherPath: labels.path,
        otherCount: classes.dimensions[0])
    }
    guard pixels.dimensions[0] > 0 else { throw .noRows(path: images.path) }
    guard pixels.dimensions[1] > 0, pixels.dimensions[2] > 0 else {
      throw .imagesDoNotFit(
        path: images.path, size: Array(pixels.dimensions.dropFirst()),
        needed: "give images of at least one pixel")
    }
    if let row = classes.values.firstIndex(where: { Int($0) >= classCount }) {
      throw .labelOutOfRange(
        path: labels.path, row: row, label: Int(classes.values[row]), classCount: classCount)
    }
    self.init(
      path: images.path, pixels: pixels.values, channels: 1, height: pixels.dimensions[1],
      width: pixels.dimensions[2], labels: classes.values.map { Int($0) }, classCount: classCount,
      ids: Array(0..<classes.values.count))
  }

  /// Reads the files of CIFAR-10, one after the other: row i is image i of the training set where all its
  /// batches are given in order.
  public init(cifar10 files: [URL]) throws(DataFileError) {
    precondition(!files.isEmpty, "no file to read images from")
    var pixels: [UInt8] = []
    var labels: [Int] = []
    for url in files {
      let file = try CIFARFile(reading: url)
      pixels += file.pixels
      labels += file.labels
    }
    self.init(
      path: files[0].path, pixels: pixels, channels: 3, height: 32, width: 32, labels: labels,
      classCount: 10, ids: Array(labels.indices))
  }

  /// The given images, in the given order.
  ///
  /// - Parameter rows: Row numbers in 0 ..< ``count``.
  public func selecting(_ rows: [Int]) -> LabelledImages {
    var chosen: [UInt8] = []
    chosen.reserveCapacity(rows.count * imageSize)
    for row in rows { chosen += pixels[row * imageSize..<(row + 1) * imageSize] }
    return LabelledImages(
      path: path, pixels: chosen, channels: channels, height: height, width: width,
      labels: rows.map { labels[$0] }, classCount: classCount, ids: rows.map { ids[$0] })
  }

  /// The first images; all where there are fewer.
  public func prefix(_ count: Int) -> LabelledImages {
    selecting(Array(0..<min(count, self.count)))
  }

  /// The pixels as features: divided by 255, so from 0 to 1, in the order channel, row, column.
  ///
  /// - Parameters:
  ///   - pooling: The side of the squares that are averaged to one feature each: 2 makes 14 × 14 of MNIST's
  ///     28 × 28, 4 makes 3 × 8 × 8 of CIFAR's 3 × 32 × 32. It must divide both sides.
  ///   - type: The type of the features.
  /// - Throws: ``DataFileError/imagesDoNotFit(path:size:needed:)`` where the squares leave a rest;
  ///   ``DataError`` where there are no images or fewer than two classes.
  /// - Complexity: one pass over the pixels.
  @specialized(where Element == Float)
  @specialized(where Element == Double)
  public func dataSet<Element: Scalar>(
    pooling: Int = 1, of type: Element.Type = Element.self
  ) throws -> TabularDataSet<Element> {
    guard pooling >= 1, height % pooling == 0, width % pooling == 0 else {
      throw DataFileError.imagesDoNotFit(
        path: path, size: [height, width], needed: "pool by a number that divides both")
    }
    let (rows, columns) = (height / pooling, width / pooling)
    let scale = 1 / Double(255 * pooling * pooling)
    var features = [Element](repeating: 0, count: count * channels * rows * columns)
    for plane in 0..<count * channels {
      for row in 0..<rows {
        for column in 0..<columns {
          let corner = (plane * height + row * pooling) * width + column * pooling
          var sum = 0
          for y in 0..<pooling {
            for x in 0..<pooling { sum += Int(pixels[corner + y * width + x]) }
          }
          features[(plane * rows + row) * columns + column] = Element(Double(sum) * scale)
        }
      }
    }
    return try TabularDataSet(
      features: Matrix(rows: count, columns: channels * rows * columns, elements: features),
      labels: labels, classCount: classCount, ids: ids)
  }
}
