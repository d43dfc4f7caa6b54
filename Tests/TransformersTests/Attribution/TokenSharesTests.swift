import Gradients
import Influence
import LinearAlgebra
import Testing

import Transformers

/// Against the derivative by a step at one token alone, which PyTorch takes; see `scripts/oracles/token_shares.py`.
@Suite("What tokens add to a gradient's product with a direction")
struct TokenSharesTests {
  private func shares(
    _ model: ComputedModel, _ texts: [TokenSequence], along directions: [Matrix<Double>]
  ) throws -> [Double] {
    let transformer = try model.transformer(Double.self)
    return try #require(
      try transformer.measured(
        TextBatch(texts: texts[...], firstToken: 0), TextMeasurement(),
        gradients: .tokenShares(along: directions),
        rotation: transformer.rotation(positions: 32)
      ).gradients
    ).tokenShares
  }

  @Test(
    "are the derivatives by steps at single tokens, in double precision",
    arguments: ComputedModel.families)
  func oracle(_ family: String) throws {
    let model = try ComputedModel(family)
    let (directions, expected) = try model.tokenShares()
    let found = try shares(model, model.texts, along: directions)
    let all = expected.flatMap(\.self)
    let largest = all.map(abs).max() ?? 0
    #expect(found.count == all.count && largest > 0.5)
    #expect(zip(found, all).allSatisfy { abs($0 - $1) < 1e-11 * largest })
  }

  @Test("sum to the product, for any direction", arguments: ComputedModel.families)
  func sums(_ family: String) throws {
    let model = try ComputedModel(family)
    var generator = SeededGenerator(seed: 31)
    let directions = model.adapter.layout.blocks.map {
      Matrix<Double>.normal(1, $0.width, using: &generator)
    }
    for (index, text) in model.texts.enumerated() {
      let found = try shares(model, [text], along: directions)
      let products = try zip(model.adapter.layout.blocks, directions).map { block, direction in
        zip(try model.gradient(block)[row: index], direction.elements).reduce(0) {
          $0 + $1.0 * $1.1
        }
      }
      let size = found.reduce(0) { $0 + abs($1) }
      #expect(abs(found.reduce(0, +) - products.reduce(0, +)) < 1e-11 * max(size, 1))
    }
  }

  @Test("Tokens that no prediction looks at have none", arguments: ["llama", "qwen2", "gpt2"])
  func causality(_ family: String) throws {
    let model = try ComputedModel(family)
    let (directions, _) = try model.tokenShares()
    // The last token is predicted, and predicts nothing; before it everything counts.
    for text in model.texts {
      let found = try shares(model, [text], along: directions)
      #expect(found.last == 0 && found.dropLast().allSatisfy { $0 != 0 })
    }
  }

  @Test(
    "The public model gives the same in single precision, whatever the batches",
    arguments: ComputedModel.families)
  func singlePrecision(_ family: String) throws {
    let computed = try ComputedModel(family)
    let model = try LanguageModel(computed.checkpoint, adapter: computed.adapter)
    let (directions, expected) = try computed.tokenShares()
    for tokens in [1, 12, 512] {
      let found = try model.tokenShares(
        of: computed.texts, along: directions.map { Matrix<Float>(converting: $0) },
        batchTokens: tokens)
      for (a, b) in zip(found, expected) {
        let size = b.reduce(1) { $0 + abs($1) }
        #expect(a.count == b.count)
        #expect(zip(a, b).allSatisfy { abs($0 - $1) < 2e-5 * size })
      }
    }
  }

  @Test("A measure and a reduction are those of the gradient")
  func measures() throws {
    let computed = try ComputedModel("llama")
    let model = try LanguageModel(computed.checkpoint, adapter: computed.adapter)
    let directions = try computed.tokenShares().directions.map { Matrix<Float>(converting: $0) }
    for measure in AnswerMeasure.allCases {
      for reduction in TokenReduction.allCases {
        let shares = try model.tokenShares(
          of: computed.texts, along: directions, measure: measure, reduction: reduction)
        try model.forEachGradientBatch(
          of: computed.texts, measure: measure, reduction: reduction
        ) { rows, blocks, _ in
          for row in rows {
            let product = zip(blocks, directions).reduce(0.0) { sum, pair in
              sum
                + zip(pair.0[row: row - rows.lowerBound], pair.1.elements).reduce(0.0) {
                  $0 + Double($1.0) * Double($1.1)
                }
            }
            let size = shares[row].reduce(1) { $0 + abs($1) }
            #expect(abs(shares[row].reduce(0, +) - product) < 2e-5 * size)
          }
        }
      }
    }
  }

  @Test("Scores split into tokens, of all blocks or some of them; other blocks are refused")
  func influence() throws {
    let computed = try ComputedModel("bert")
    let model = try LanguageModel(computed.checkpoint, adapter: computed.adapter)
    let layout = computed.adapter.layout
    let kept = [2, 5, 6]
    for blocks in [Array(layout.blocks.indices), kept] {
      let rows = try blocks.map { index in
        (
          layout.blocks[index].name, layout.blocks[index].shape,
          Matrix<Float>(converting: try computed.gradient(layout.blocks[index]))
        )
      }
      let store = GradientStore(name: "train", blocks: rows)
      let curvature = try Curvature(fitting: [DataInf(), Cosine()], on: store)
      let scores = try curvature.scores(of: store)
      for index in 0..<2 {
        let directions = try curvature.directions(of: store, estimator: index)
        for query in computed.texts.indices {
          let found = try model.tokenInfluence(
            of: [(3, scores[index].values[query, 3]), (0, scores[index].values[query, 0])],
            texts: computed.texts, along: directions, query: query)
          #expect(found.map(\.example) == [3, 0])
          #expect(found.map { $0.shares.count } == [3, 0].map { computed.texts[$0].tokens.count })
          #expect(found.allSatisfy { $0.difference < 2e-5 && $0.magnitude > 0 })
        }
      }
    }
    let other = GradientStore(
      name: "other", blocks: [("w", [2], Matrix<Float>(repeating: 1, rows: 2, columns: 2))])
    let directions = try Curvature(fitting: [HessianFree()], on: other).directions(of: other)
    #expect(throws: AdapterError.otherBlocks(block: "w", width: 2)) {
      try model.tokenInfluence(of: [(0, 1)], texts: computed.texts, along: directions)
    }
  }
}
