internal import LinearAlgebra

/// Images as matrices with a row for each place, one image after the other, and a column for each channel: so that a
/// convolution is a product of matrices.
enum ImageRows {
  /// The side of the squares that convolutions read.
  static let side = 3
  /// How far they reach beyond the place they are at; there is nothing, 0, beyond the edge.
  private static let reach = 1

  /// Rows of features, channel by channel, place by place.
  ///
  /// - Parameter features: `n × channels · height · width`.
  /// - Returns: `n · height · width × channels`.
  @specialized(where Element == Float)
  @specialized(where Element == Double)
  static func places<Element: Scalar>(
    of features: Matrix<Element>, _ shape: ImageShape
  ) -> Matrix<Element> {
    let (channels, places) = (shape.channels, shape.places)
    let values = features.elements
    var elements = [Element](repeating: 0, count: values.count)
    for image in 0..<features.rows {
      let first = image * shape.count
      for channel in 0..<channels {
        for place in 0..<places {
          elements[first + place * channels + channel] = values[first + channel * places + place]
        }
      }
    }
    return Matrix(rows: features.rows * places, columns: channels, elements: elements)
  }

  /// What a convolution reads at each place: the square around it, row by row, all channels of a pixel together.
  ///
  /// - Parameter x: `n · height · width × channels`.
  /// - Returns: `n · height · width × 9 · channels`.
  @specialized(where Element == Float)
  @specialized(where Element == Double)
  static func patches<Element: Scalar>(
    of x: Matrix<Element>, _ shape: ImageShape
  ) -> Matrix<Element> {
    let width = side * side * shape.channels
    let values = x.elements
    var elements = [Element](repeating: 0, count: x.rows * width)
    forEachRun(images: x.rows / shape.places, shape) { row, column, first, count in
      let (target, source) = (row * width + column, first * shape.channels)
      for index in 0..<count { elements[target + index] = values[source + index] }
    }
    return Matrix(rows: x.rows, columns: width, elements: elements)
  }

  /// The transpose of ``patches(of:_:)``: each number goes back to where it was read, and is added up there.
  ///
  /// - Parameter patches: `n · height · width × 9 · channels`.
  /// - Returns: `n · height · width × channels`.
  @specialized(where Element == Float)
  @specialized(where Element == Double)
  static func sums<Element: Scalar>(
    ofPatches patches: Matrix<Element>, _ shape: ImageShape
  ) -> Matrix<Element> {
    let width = patches.columns
    let values = patches.elements
    var elements = [Element](repeating: 0, count: patches.rows * shape.channels)
    forEachRun(images: patches.rows / shape.places, shape) { row, column, first, count in
      let (source, target) = (row * width + column, first * shape.channels)
      for index in 0..<count { elements[target + index] += values[source + index] }
    }
    return Matrix(rows: patches.rows, columns: shape.channels, elements: elements)
  }

  /// Calls `body` for each row of pixels of each square: with the square's row, the first of its columns that the pixels
  /// have, the row of the first pixel, and how many numbers they have.
  @inline(__always)
  private static func forEachRun(
    images: Int, _ shape: ImageShape,
    _ body: (_ row: Int, _ column: Int, _ firstPlace: Int, _ count: Int) -> Void
  ) {
    for image in 0..<images {
      for y in 0..<shape.height {
        for x in 0..<shape.width {
          let row = image * shape.places + y * shape.width + x
          let (first, last) = (max(0, x - reach), min(shape.width - 1, x + reach))
          for line in 0..<side {
            let source = y + line - reach
            guard source >= 0, source < shape.height else { continue }
            body(
              row, (line * side + first - x + reach) * shape.channels,
              image * shape.places + source * shape.width + first,
              (last - first + 1) * shape.channels)
          }
        }
      }
    }
  }

  /// The means over squares of places that do not overlap.
  ///
  /// - Parameters:
  ///   - x: `n · height · width × channels`.
  ///   - size: The side of the squares, which divides height and width.
  /// - Returns: `n · height · width / size² × channels`.
  @specialized(where Element == Float)
  @specialized(where Element == Double)
  static func means<Element: Scalar>(
    of x: Matrix<Element>, _ shape: ImageShape, size: Int
  ) -> Matrix<Element> {
    guard size > 1 else { return x }
    let channels = shape.channels
    let values = x.elements
    let share = 1 / Element(size * size)
    var elements = [Element](repeating: 0, count: values.count / (size * size))
    for row in 0..<x.rows {
      let target = pooledRow(row, shape, size) * channels
      for channel in 0..<channels {
        elements[target + channel] += share * values[row * channels + channel]
      }
    }
    return Matrix(rows: x.rows / (size * size), columns: channels, elements: elements)
  }

  /// The transpose of ``means(of:_:size:)``.
  ///
  /// - Parameters:
  ///   - means: `n · height · width / size² × channels`.
  ///   - shape: Of the images before their means were taken.
  ///   - size: The side of the squares.
  /// - Returns: `n · height · width × channels`.
  @specialized(where Element == Float)
  @specialized(where Element == Double)
  static func spread<Element: Scalar>(
    means: Matrix<Element>, _ shape: ImageShape, size: Int
  ) -> Matrix<Element> {
    guard size > 1 else { return means }
    let channels = shape.channels
    let values = means.elements
    let share = 1 / Element(size * size)
    var elements = [Element](repeating: 0, count: values.count * size * size)
    for row in 0..<means.rows * size * size {
      let source = pooledRow(row, shape, size) * channels
      for channel in 0..<channels {
        elements[row * channels + channel] = share * values[source + channel]
      }
    }
    return Matrix(rows: means.rows * size * size, columns: channels, elements: elements)
  }

  /// The row of the square that a place is in.
  @inline(__always)
  private static func pooledRow(_ row: Int, _ shape: ImageShape, _ size: Int) -> Int {
    let (image, place) = row.quotientAndRemainder(dividingBy: shape.places)
    let (y, x) = place.quotientAndRemainder(dividingBy: shape.width)
    return (image * (shape.height / size) + y / size) * (shape.width / size) + x / size
  }
}
