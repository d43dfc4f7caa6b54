import Foundation
import LinearAlgebra
import Models

/// A convolutional network place by place, in loops, from its definition.
struct NaiveConvolution {
  let image: ImageShape
  let filters: [Int]
  /// Weights and biases of each layer, the head's last.
  var values: [[Double]]

  /// A number that is added to what a convolution makes at a place, before its positive part.
  struct Bump {
    let layer: Int
    let place: Int
    let filter: Int
    let by: Double
  }

  /// The number at a pixel of channels × height × width; 0 beyond the edge.
  private func pixel(_ x: [Double], _ shape: ImageShape, _ channel: Int, _ y: Int, _ column: Int)
    -> Double
  {
    guard (0..<shape.height).contains(y), (0..<shape.width).contains(column) else { return 0 }
    return x[(channel * shape.height + y) * shape.width + column]
  }

  /// The square around a place, pixel by pixel, all channels of a pixel together.
  func patch(_ x: [Double], _ shape: ImageShape, _ place: Int) -> [Double] {
    let (y, column) = place.quotientAndRemainder(dividingBy: shape.width)
    return (-1...1).flatMap { down in
      (-1...1).flatMap { right in
        (0..<shape.channels).map { pixel(x, shape, $0, y + down, column + right) }
      }
    }
  }

  /// What each layer reads of an image, and its logits: channels × height × width below the head.
  func forward(
    _ pixels: [Double], bump: Bump? = nil
  ) -> (read: [[Double]], shapes: [ImageShape], logits: [Double]) {
    var (x, shape) = (pixels, image)
    var (read, shapes): ([[Double]], [ImageShape]) = ([], [])
    for (layer, count) in filters.enumerated() {
      read.append(x)
      shapes.append(shape)
      let (weight, bias) = (values[2 * layer], values[2 * layer + 1])
      let (height, width) = (shape.height / 2, shape.width / 2)
      var pooled = [Double](repeating: 0, count: count * height * width)
      for place in 0..<shape.height * shape.width {
        let patch = patch(x, shape, place)
        let (y, column) = place.quotientAndRemainder(dividingBy: shape.width)
        for filter in 0..<count {
          var sum = bias[filter]
          for (index, value) in patch.enumerated() {
            sum += weight[filter * patch.count + index] * value
          }
          if let bump, bump.layer == layer, bump.place == place, bump.filter == filter {
            sum += bump.by
          }
          pooled[(filter * height + y / 2) * width + column / 2] += max(0, sum) / 4
        }
      }
      x = pooled
      shape = ImageShape(channels: count, height: height, width: width)
    }
    // The head reads place by place.
    let places = shape.height * shape.width
    let features = (0..<places).flatMap { place in
      (0..<shape.channels).map { x[$0 * places + place] }
    }
    read.append(features)
    let (weight, bias) = (values[values.count - 2], values[values.count - 1])
    let logits = bias.indices.map { output in
      features.indices.reduce(bias[output]) {
        $0 + weight[output * features.count + $1] * features[$1]
      }
    }
    return (read, shapes, logits)
  }

  /// log Σ exp(z) − z_y.
  func loss(_ pixels: [Double], label: Int, bump: Bump? = nil) -> Double {
    let logits = forward(pixels, bump: bump).logits
    return log(logits.reduce(0) { $0 + exp($1) }) - logits[label]
  }

  /// log(p/(1 − p)) of the label.
  func margin(_ pixels: [Double], label: Int) -> Double {
    let p = exp(-loss(pixels, label: label))
    return log(p / (1 - p))
  }
}
