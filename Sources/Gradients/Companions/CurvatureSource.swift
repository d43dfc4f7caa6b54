import LinearAlgebra
import OrderedCollections
import TensorFiles

/// Where matrices of a model's curvature come from, when they are asked for: the files of another tool.
protocol CurvatureSource: Sendable {
  /// The file or folder, for messages.
  var path: String { get }
  /// What `curvature.safetensors` would call the matrices, and their shapes.
  var shapes: OrderedDictionary<String, [Int]> { get }
  /// One of them.
  func matrix(_ name: String) throws(TensorFileError) -> Matrix<Double>
}
