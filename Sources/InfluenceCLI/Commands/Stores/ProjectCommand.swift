import ArgumentParser
import Foundation
import InfluenceKit
import Reporting

/// `influence project`: gradients with fewer columns.
struct ProjectCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "project",
    abstract: "Write gradients projected to fewer columns.",
    usage: """
      influence project <source> <destination> --kind <kind>
                        (--dimension <k> | --factor-dimension <k>) [<options>]
      influence project <source> <destination> --kind logra-pca
                        --like <projected training store> [<options>]
      """,
    discussion: """
      Each block of d columns becomes one of k, at random, so that norms and inner products stay, but for errors of \
      the order √(1/k); what they are is measured and printed. P is decided by the seed and the blocks' \
      names: project training and query gradients with the same command, and scores of both are scores \
      of the projected gradients. Stores that are projected otherwise are refused together. When stopped, \
      give the same command again: it goes on from the last committed row, and ends with the same bytes.

      KINDS
        sjlt        a few signs a column; the cheapest, for any block
        gaussian    independent normal numbers
        rademacher  independent signs
        logra       P_out ⊗ P_in for blocks that are matrices, outputs × inputs;
                    --factor-dimension 64 gives 64 × 64 columns a block;
                    vectors of fewer columns, such as biases, are kept
        logra-pca   the same with the leading directions of each block's outputs and
                    inputs in the place of random numbers: of the model's Kronecker
                    factors where they lie beside the gradients, else of the gradients'
                    second moments; project queries with --like and the result

      EXAMPLES
        influence project grads/train small/train --kind sjlt \\
            --dimension 512 --blocks all
        influence project grads/query small/query --kind sjlt \\
            --dimension 512 --blocks all
        influence score --train small/train --query small/query \\
            --method exact --output scores.npy
        influence project grads/train logra/train --kind logra \\
            --factor-dimension 64 --seed 1
        influence project grads/train pca/train --kind logra-pca \\
            --factor-dimension 16
        influence project grads/query pca/query --kind logra-pca \\
            --like pca/train
      """)

  /// The kinds of projection, as they are typed.
  enum Kind: String, ExpressibleByArgument, CaseIterable {
    case sjlt, gaussian, rademacher, logra
    case principal = "logra-pca"
  }

  @Argument(help: "A store directory, .safetensors, .npy, or a directory of .npy files.")
  var source: String
  @Argument(help: "The new store's folder.") var destination: String
  @Option("sjlt, gaussian, rademacher, logra or logra-pca.", value: "kind") var kind: Kind
  @Option("Columns of each projected block; not of logra.", number: "k") var dimension: Int?
  @Option("Of logra and logra-pca: k outputs and k inputs of each block.", number: "k")
  var factorDimension: Int?
  @Option("Of logra-pca: the projected store whose directions are taken.", value: "folder")
  var like: String?
  @Option("Of sjlt: entries of each column of P; 4 by default.", number: "count") var nonzeros: Int?
  @Option(
    "What is one block: tensor, layer, all, or a JSON file {\"group\": [\"block\"]}.",
    value: "grouping")
  var blocks = "tensor"
  @Option("Decides P.", number: "number") var seed: UInt64 = 0
  @Option(
    "The type of numbers; float32 by default, float64 where the source has it.", value: "type")
  var dtype: ElementType?
  @Flag(help: "Print what was done and measured as JSON.") var json = false
  @Flag(name: .shortAndLong, help: "No progress bar, no notes; only errors.") var quiet = false
  @OptionGroup var losses: LossOptions
  @OptionGroup var copying: CopyOptions

  func validate() throws {
    let (isKronecker, needed) =
      switch kind {
      case .sjlt, .gaussian, .rademacher: (false, "--dimension")
      case .logra: (true, "--factor-dimension")
      case .principal: (true, "--factor-dimension or --like")
      }
    guard (dimension != nil) == !isKronecker,
      (factorDimension != nil) == (isKronecker && like == nil), like == nil || kind == .principal
    else {
      throw ValidationError(
        "--kind \(kind.rawValue) goes with \(needed), and with that alone")
    }
    if nonzeros != nil, kind != .sjlt { throw ValidationError("--nonzeros goes with --kind sjlt") }
    for (name, value, most) in [
      ("--dimension", dimension, 1 << 30), ("--factor-dimension", factorDimension, 1 << 15),
    ] {
      if let value, !(1...most).contains(value) {
        throw ValidationError("\(name) \(value): use a number from 1 to \(most)")
      }
    }
    if let nonzeros, let dimension, !(1...dimension).contains(nonzeros) {
      throw ValidationError("--nonzeros \(nonzeros): use a number from 1 to --dimension")
    }
  }

  /// The projection that was asked for, of a store.
  private func chosenProjection(
    of store: GradientStore, _ progress: ProgressHandler?
  ) throws -> GradientProjection {
    let dimension = dimension ?? 1
    let kind: GradientProjection.Kind =
      switch kind {
      case .gaussian: .dense(.gaussian, dimension: dimension)
      case .rademacher: .dense(.rademacher, dimension: dimension)
      case .sjlt:
        .sparse(
          dimension: dimension,
          nonzeros: nonzeros ?? min(dimension, GradientProjection.standardNonzeros))
      case .logra: .kronecker(outputs: factorDimension ?? 1, inputs: factorDimension ?? 1)
      case .principal:
        .principal(
          try like.map { try PrincipalSides(ofStoreAt: URL(filePath: $0)) }
            ?? PrincipalSides(
              of: store, outputs: factorDimension ?? 1, inputs: factorDimension ?? 1,
              progress: progress))
      }
    return GradientProjection(kind, seed: seed)
  }

  func run() throws {
    let partition = try BlockPartition(blocks)
    let store = try FitOptions.grouping(by: blocks) {
      try GradientStore(opening: URL(filePath: source), check: copying.check)
        .partitioned(by: partition)
    }
    guard store.count > 0 else { throw InfluenceError.empty(source: source) }
    let target = try StoreDestination(destination, sources: [source]).url
    let projection = try ProgressBar.during(quiet: quiet || json) {
      try chosenProjection(of: store, $0)
    }
    let run = StoreProjection(
      of: store, by: projection, to: target, elementType: dtype, chunkBytes: copying.bytes)
    if let dtype { _ = try losses.loss(storing: run.firstRows(64), as: dtype) }
    Interruption.leavesStore(destination)
    let outcome = try ProgressBar.during(quiet: quiet || json) { try run.run(progress: $0) }
    guard !quiet || json else { return }
    let projected = try GradientStore(opening: target)
    let distortion = try ProjectionDistortion(of: projected, from: store, by: projection)
    if json {
      return try Console.print(record(store, projected, outcome, partition, projection, distortion))
    }
    Console.print(lines(store, projected, outcome, run.elementType, projection, distortion))
  }

  private func lines(
    _ store: GradientStore, _ projected: GradientStore, _ outcome: StoreCopy.Outcome,
    _ type: ElementType, _ projection: GradientProjection, _ distortion: ProjectionDistortion
  ) -> [String] {
    func number(_ value: Double) -> String { NumberFormat.significant(value) }
    let first =
      "\(destination): \(outcome.summary(of: type)), \(store.layout.columnCount) columns projected to \(projected.layout.columnCount) in \(Counted(projected.layout.count, "block")) by \(projection)"
    guard projection.isRandom else {
      return [
        first,
        "captured: \(number(distortion.capturedShare)) of all squared norms; of a row |Px|²/|x|² is \(number(distortion.meanNormRatio)) in the mean and \(number(distortion.worstNormRatio)) at least",
        "inner products of \(distortion.pairs) sampled pairs, error by the norms: \(number(distortion.innerProductError)) (root mean square), \(number(distortion.worstInnerProductError)) (worst)",
      ]
    }
    return [
      first,
      "norms, |Px|²/|x|²: mean \(number(distortion.meanNormRatio)), farthest from 1 \(number(distortion.worstNormRatio)); expected 1, with a deviation up to \(number(distortion.expectedNormDeviation))",
      "inner products of \(distortion.pairs) sampled pairs, error by the norms: \(number(distortion.innerProductError)) (root mean square), \(number(distortion.worstInnerProductError)) (worst); expected up to \(number(distortion.expectedInnerProductError))",
    ]
  }

  private func record(
    _ store: GradientStore, _ projected: GradientStore, _ outcome: StoreCopy.Outcome,
    _ partition: BlockPartition, _ projection: GradientProjection,
    _ distortion: ProjectionDistortion
  ) throws -> OrderedJSON {
    [
      "path": .string(destination),
      "rows": .integer(outcome.rows),
      "resumed_rows": .integer(outcome.resumedRows),
      "source_columns": .integer(store.layout.columnCount),
      "columns": .integer(projected.layout.columnCount),
      "dtype": .string(projected.sufficientElementType.name),
      "projection": .string(projection.description),
      "partition": partition.json,
      "distortion": [
        "norm_ratio_mean": .finite(distortion.meanNormRatio),
        "norm_ratio_worst": .finite(distortion.worstNormRatio),
        "captured_share": .finite(distortion.capturedShare),
        "norm_ratio_expected_deviation": .finite(
          projection.isRandom ? distortion.expectedNormDeviation : nil),
        "inner_product_error_rms": .finite(distortion.innerProductError),
        "inner_product_error_worst": .finite(distortion.worstInnerProductError),
        "inner_product_error_expected": .finite(
          projection.isRandom ? distortion.expectedInnerProductError : nil),
        "pairs": .integer(distortion.pairs),
      ],
    ]
  }
}
