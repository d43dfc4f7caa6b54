import Gradients
package import LinearAlgebra

/// An adapter's parameters in the precision of a computation, found by the names of the model's maps.
package struct AdapterParameters<Element: Scalar>: Sendable {
  /// The blocks that gradients are taken of.
  let layout: BlockLayout
  /// The place of each of the adapter's blocks among them; nil where no gradient is taken.
  private let places: [Int?]
  private let parameters: [Matrix<Element>]
  private let modules: [String: (module: Adapter.Module, block: Int)]
  private let tensors: [String: Int]

  package init(_ adapter: Adapter) {
    self.init(adapter, parameters: adapter.parameters.map { Matrix<Element>(converting: $0) })
  }

  /// - Parameter parameters: What to compute with instead of the adapter's own.
  package init(_ adapter: Adapter, parameters: [Matrix<Element>]) {
    layout = adapter.gradientLayout
    var places = [Int?](repeating: nil, count: adapter.layout.count)
    for (place, block) in adapter.gradientBlocks.enumerated() { places[block] = place }
    self.places = places
    self.parameters = parameters
    modules = Dictionary(
      uniqueKeysWithValues: adapter.modules.enumerated().map { ($1.name, ($1, 2 * $0)) })
    tensors = Dictionary(
      uniqueKeysWithValues: adapter.tensors.enumerated().map {
        ($1.name, 2 * adapter.modules.count + $0)
      })
  }

  /// The pair beside a map; nil where there is none.
  func pair(_ name: String, site: Int) -> LinearMap<Element>.Pair? {
    modules[name].map { module, block in
      LinearMap.Pair(
        down: parameters[block], downBlock: places[block], up: parameters[block + 1],
        upBlock: places[block + 1], scale: Element(module.scale), site: site)
    }
  }

  /// A tensor that is trained whole, and the block of its gradient; nil where it is frozen.
  func tensor(_ name: String) -> (values: Matrix<Element>, block: Int?)? {
    tensors[name].map { (parameters[$0], places[$0]) }
  }
}
