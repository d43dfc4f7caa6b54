import Foundation
package import Gradients
package import TensorFiles

/// What a kept fit is and holds: `fit.json` in its folder.
///
/// The manifest is the truth about a fit that is being written: only files that it lists belong to it.
package struct FitManifest: Sendable, Equatable {
  /// The version of the format that is written.
  package static let version = 1
  /// The file's name in a fit's folder.
  package static let fileName = "fit.json"

  /// A method with its settings.
  package struct Method: Sendable, Hashable {
    /// Its name.
    package let name: String
    /// Its settings beside the damping.
    package let settings: [String: String]

    /// As it is typed: `cg:steps=50,tolerance=0.001`.
    package var specification: String {
      MethodSpecification(name, settings).text
    }
  }

  /// A file of numbers.
  package struct File: Sendable, Hashable {
    /// Its name in the folder.
    package let name: String
    /// What it holds: `kernel`, `fisher-factor`.
    package let holds: String
    /// Its size.
    package let byteCount: Int
    /// CRC-32C of all its bytes.
    package let checksum: Checksum
  }

  /// What is kept of one block.
  package struct Block: Sendable, Equatable {
    /// Its name.
    package let name: String
    /// The shape of its parameters.
    package let shape: [Int]
    /// The stored blocks that it is made of, in the order of its columns; itself unless grouped.
    package let members: [String]
    /// λ; nil of a block whose gradients are all zero.
    package let damping: Double?
    /// The side of each method, in their order, with the reason.
    package let choices: [CostModel.Choice]
    /// Whether ``files`` are all that is needed.
    package internal(set) var isFitted: Bool
    /// The matrices.
    package internal(set) var files: [File]
    /// The largest eigenvalue of K and of F by power iteration, where a method asked for it.
    var largestEigenvalues: [Side: Double] = [:]
  }

  /// Where the training store was.
  package let trainingPath: String
  /// The number of training examples n.
  package let exampleCount: Int
  /// `GradientStore.checksum()` of the training store; nil of one in memory.
  package let trainingChecksum: String?
  /// The rule of λ.
  package let damping: Damping
  /// The precision of products.
  package let precision: CurvatureOptions.Precision
  /// How the side was asked for.
  package let side: CostModel.Request
  /// Whether it holds what certificates take.
  package let certifies: Bool
  /// The methods.
  package let methods: [Method]
  /// ‖g‖² of each example and block, `n × blocks`; nil before it is written.
  package internal(set) var norms: File?
  /// The blocks, in the layout's order.
  package internal(set) var blocks: [Block]
  /// Whether the manifest holds its own checksum, as those of older versions do not.
  package internal(set) var isSealed = true

  /// Whether every block is fitted.
  package var isComplete: Bool { norms != nil && blocks.allSatisfy(\.isFitted) }
  /// All files.
  package var files: [File] { (norms.map { [$0] } ?? []) + blocks.flatMap(\.files) }
  /// How the training store's blocks were grouped.
  package var partition: BlockPartition {
    blocks.allSatisfy { $0.members == [$0.name] }
      ? .tensor : .mapping(blocks.map { .init(name: $0.name, blocks: $0.members) })
  }
  /// Bytes of all files.
  package var byteCount: Int { files.reduce(0) { $0 + $1.byteCount } }
}

extension FitManifest {
  /// A fit of which nothing is kept yet.
  init(
    of estimators: [any Estimator], on training: GradientStore, _ contexts: [BlockContext],
    _ needs: [BlockNeeds],
    options: CurvatureOptions
  ) throws {
    trainingPath =
      training.kind == .memory
      ? training.name
      : URL(filePath: training.name).absoluteURL.standardizedFileURL.path
    exampleCount = training.count
    trainingChecksum = try training.checksum()
    damping = options.damping
    precision = options.precision
    side = options.costModel.request
    certifies = options.certifies
    methods = estimators.map { Method($0) }
    blocks = zip(contexts, needs).map { context, needs in
      Block(
        name: context.name, shape: context.block.shape,
        members: training.members(ofBlock: context.index), damping: context.damping,
        choices: needs.choices, isFitted: false, files: [])
    }
  }

  /// The place of a method.
  ///
  /// - Throws: ``FitError/notKept(path:method:kept:)``.
  func place(of estimator: any Estimator, path: String) throws(FitError) -> Int {
    let method = Method(estimator)
    guard let place = methods.firstIndex(of: method) else {
      throw .notKept(
        path: path, method: method.specification, kept: methods.map(\.specification))
    }
    return place
  }
}

extension FitManifest.Method {
  init(_ estimator: any Estimator) {
    self.init(name: estimator.name, settings: estimator.settings)
  }
}
